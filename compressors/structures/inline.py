"""Find what must not be cut inside a line: dates, quantities, citations, code, formulas, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from compressors.protection import merged
from compressors.structures.sections import Range


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


MONTHS: Final = _words(
    "january february march april may june july august september october november december",
    "jan feb mar apr jun jul aug sep sept oct nov dec",
    "januar jänner februar märz mai juni juli oktober dezember",
    "janvier février mars avril juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
)
_UNITS: Final = _words(
    "km m cm mm µm μm nm mi mile miles yd yard yards ft foot feet inch inches acre acres ha",
    "hectares km² m² cm² mm² km2 m2 m³ cm³ m3 cm3 sq square cubic meter meters metre metres",
    "kilometer kilometers kilometre kilometres centimeters centimetres millimeters millimetres kg",
    "t g mg µg μg lb lbs oz pound pounds ounce ounces ton tons tonne tonnes gram grams kilograms",
    "l ml dl liter liters litre litres gallon gallons barrel barrels °c °f °k ° degrees kelvin",
    "celsius fahrenheit % ‰ percent percentage per cent prozent pct bps hz khz mhz ghz w kw mw gw",
    "kwh mwh gwh kv j kj mj cal kcal pa kpa mpa bar psi n mol mmol b kb mb gb tb pb kib",
    "mib gib tib bit bits byte bytes kbps mbps gbps px dpi ns µs μs ms s sec secs second seconds",
    "min mins minute minutes h hr hrs hour hours day days week weeks month months year years",
    "decade decades century centuries mph km/h m/s ft/s kmh mg/l µg/l g/l mg/kg mg/dl mmol/l",
    "kg/m3 w/m2 fps rpm hundred thousand million millions billion billions trillion mn bn tn mio",
    "mrd millionen milliarden tausend millones dollar dollars euro euros cents yen yuan rupees",
    "usd eur gbp jpy cny inr chf am pm a.m p.m uhr utc gmt cet est pst bc bce ad ce times fold",
    "tage jahre jahren stunden minuten sekunden tonnen grad ans jours heures años",
)
_SCALES: Final = _words(
    "hundred thousand million millions billion billions trillion mn bn tn mio mrd millionen",
    "milliarden tausend millones square cubic sq per degrees",
)
"""Units that another one may follow."""
_SPACES: Final = (" ", "\u00a0", "\u202f")
_CURRENCIES: Final = _words("usd eur gbp jpy cny inr chf us$ a$ c$ hk$ rs rs.")
_NUMBER: Final = re.compile(
    r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,:/’'–-]\d+)*", re.ASCII
)
_WORD_BEHIND: Final = re.compile(
    r"[ \u00a0\u202f]?((?:[^\W\d_]+(?:/[^\W\d_]+\d?|\.m(?=\.))?|°[CFK]?|[%‰])[²³]?)(?!\w)"
)
_DAY_AND_MONTH: Final = re.compile(
    r"(?:st|nd|rd|th|er|\.|º)?(?: of| de)? ([^\W\d_]+)\.?(?:(?:,| de)? \d{4}(?!\d|[-–./:]\d))?"
)
_DAY_BEHIND: Final = re.compile(r"(?:st|nd|rd|th)?(?:,? \d{4}(?!\d|[-–./:]\d))?")
_YEAR_CLOSES: Final = re.compile(r"[a-z]?(?:[,:] ?(?:pp?\. ?)?\d+(?:[–-]\d+)?)?\)")
_SIGNS: Final = "±≈~≤≥<>−+-#№§"
_BRACKETS: Final = "([{\"'“‘„«|*,;"
_MONEY: Final = "$€£¥₹₩₽"
_LOOK: Final = 100
"""Characters before a year in which the bracket of its citation opens."""
_CITATION: Final = re.compile(
    r"!?\[[^\[\]\n]{0,200}\]\([^()\s]{1,500}\)"  # a link, or an image
    r"|\[[\^@][\w:.-]{1,40}\]"
    r"|\[\d{1,4}[a-z]?(?:\s?[,;–-]\s?\d{1,4}[a-z]?)*\]"
)
# Some texts quote ``like this'', and some write I`m.
_CODE: Final = re.compile(
    r"(?<![\w`])(?:``(?!\s)(?:(?!'')[^`\n]){1,200}(?<!\s)``|`(?!\s)[^`\n]{1,200}(?<!\s)`)(?![\w`])"
)
_FORMULA: Final = re.compile(
    r"(?<!\$)\$\$[^$]{1,1000}\$\$(?!\$)|\$(?!\s|\d[\d.,]*\s)[^$\n]{1,200}(?<=\S)\$(?![\w$])"
    r"|\\\([^\n$]{1,200}?\\\)"
)
_TAG: Final = re.compile(
    r"</?[A-Za-z][\w:-]{0,40}"
    r"(?:\s+[\w:-]{1,40}=(?:\"[^\"<>]{0,200}\"|'[^'<>]{0,200}'|[^\s<>\"']{1,200})){0,20}\s?/?>"
)
_PAIRS: Final = (("[", _CITATION), ("`", _CODE), ("$", _FORMULA), ("\\(", _FORMULA), ("<", _TAG))
"""Expressions, and what stands in a text that they are worth trying on."""


def inline_atoms(text: str, start: int, end: int) -> list[Range]:
    """Sorted, disjoint ranges between two positions, in time linear in what is between them."""
    found = [*_quantities(text, start, end), *_marked(text, start, end)]
    return merged(found) if found else found


def marked_atoms(text: str) -> list[Range]:
    """Of the atoms of a text those that begin with a sign: citations, links, code, formulas."""
    return merged(_marked(text, 0, len(text)))


def _marked(text: str, start: int, end: int) -> Iterator[Range]:
    for sign, expression in _PAIRS:
        if text.find(sign, start, end) >= 0:
            for match in expression.finditer(text, start, end):
                yield match.span()


def _quantities(text: str, start: int, end: int) -> Iterator[Range]:
    for number in _NUMBER.finditer(text, start, end):
        first, last = number.span()
        if first > start and not _is_free(text, start, first - 1):
            continue
        left, is_month = _word_before(text, start, first)
        if is_month:
            # What is longer is the year, and has none behind it.
            day = _DAY_BEHIND.match(text, last, end) if last - first <= len("31") else None
            right = day.end() if day else last
        else:
            right = _unit_behind(text, last, end, is_day=last - first <= len("31"))
        if last - first == len("2024") and (years := _YEAR_CLOSES.match(text, last, end)):
            left, right = _citation(text, start, first, years.end()) or (left, right)
        if (left, right) != (first, last) or not number[0].isascii() or " " in number[0]:
            yield left, right


def _is_free(text: str, start: int, position: int) -> bool:
    """Whether a number behind a character is no part of an address, a word or a name."""
    character = text[position]
    if character.isspace() or character in _MONEY or character in _BRACKETS:
        return True
    before = text[position - 1] if position > start else " "
    return character in _SIGNS and not before.isalnum()


def _word_before(text: str, start: int, position: int) -> tuple[int, bool]:
    """Where a month, a currency or a sign before a position begins, and whether it is a month."""
    before = text[max(start, position - 12) : position]
    if before[-1:] not in _SPACES:
        return _sign_before(text, start, position), False
    word = before[:-1].rpartition(" ")[2].lstrip(_BRACKETS)
    if word[:1].isupper() and word.rstrip(".").lower() in MONTHS:
        return position - 1 - len(word), True
    is_currency = word.lower() in _CURRENCIES or (len(word) == 1 and word in _MONEY)
    return position - 1 - len(word) if is_currency else position, False


def _sign_before(text: str, start: int, position: int) -> int:
    if position == start:
        return position
    sign = text[position - 1]
    if sign in _MONEY:
        position -= 1
        while position > start and "A" <= text[position - 1] <= "Z":
            position -= 1
        return position
    return position - 1 if sign in _SIGNS else position


def _unit_behind(text: str, position: int, end: int, *, is_day: bool) -> int:
    month = _DAY_AND_MONTH.match(text, position, end) if is_day else None
    if month and month[1].lower() in MONTHS:
        return month.end()
    unit = _WORD_BEHIND.match(text, position, end)
    if unit is None or unit[1].lower() not in _UNITS:
        return position
    if unit[1].lower() in _SCALES:  # 20 million dollars
        counted = _WORD_BEHIND.match(text, unit.end(), end)
        unit = counted if counted and counted[1].lower() in _UNITS else unit
    return unit.end() + ("." in unit[1] and text[unit.end() : unit.end() + 1] == ".")


def _citation(text: str, start: int, year: int, end: int) -> Range | None:
    """The bracket around authors and years, given its last year."""
    left = text.rfind("(", max(start, year - _LOOK), year)
    authors = text[left + 1 : year]
    if left < 0 or ")" in authors or "\n" in authors or not authors[:1].isupper():
        return None
    return left, end
