"""What a written text says that its source does not: numbers, dates, names, another language.

Check T8 of the spec. All of it is about what can be compared word by word; that a summary turns
something into its opposite is not seen here.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from compressors.languages import language
from compressors.lexical import words as words_of
from compressors.quantities import MONTHS, NUMBER_WORDS

_NUMBER: Final = re.compile(r"\d+(?:[.,:/-]\d+)*")
_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_AFTER_START: Final = re.compile(r"[^\s.!?…:\"“”'‘’(\n-][ \t]+$")
_COMMON_CAPITALS: Final = 0.25
"""Share of capitalised words above which capitals do not mark names: German, headlines."""
_REPEATS: Final = 4
_NGRAM: Final = 3
_CJK_NGRAM: Final = 8
"""Characters; three of them would be one word."""
_MONTH: Final = "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True))
_DATES: Final = (
    re.compile(r"\b(?P<year>\d{4})[-/.](?P<number>\d{1,2})[-/.](?P<day>\d{1,2})\b"),
    re.compile(r"(?P<year>\d{4})年(?P<number>\d{1,2})月(?:(?P<day>\d{1,2})日)?"),
    re.compile(
        r"\b(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?\s{1,3}(?:of\s|de\s)?"
        rf"(?P<month>{_MONTH})\b\.?(?:,?\s{{1,3}}(?:de\s)?(?P<year>\d{{4}})\b)?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<month>{_MONTH})\b\.?\s{{1,3}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b"
        r"(?:,?\s{1,3}(?P<year>\d{4})\b)?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<month>{_MONTH})\b\.?,?\s{{1,3}}(?:de\s)?(?P<year>\d{{4}})\b", re.IGNORECASE
    ),
)


def invention(summary: str, known: str) -> str:
    """What a summary has that its source, with titles, does not; empty if nothing.

    Equal dates may be written otherwise, and numbers as words. Linear in both texts.
    """
    return next(_inventions(summary, known), "")


def _inventions(summary: str, known: str) -> Iterator[str]:
    if _most_repeated(summary) > max(_REPEATS, _most_repeated(known)):
        yield "repeats itself"
    ours, theirs = language(summary), language(known)
    if ours and theirs and ours != theirs:
        yield "not in the language of its source"
    own, given = _Figures.of(summary), _Figures.of(known)
    if not all(any(date.is_said_by(other) for other in given.dates) for date in own.dates):
        yield "a date that its source does not hold"
    spelled = {n for n, word in own.spelled.items() if word not in given.words}
    if not own.numbers <= given.said or not spelled <= given.said:
        yield "a number that its source does not hold"
    if _unknown_names(own.rest, known):
        yield "a name that its source does not hold"


@dataclass(frozen=True, slots=True)
class Date:
    """A date, as far as it is given."""

    year: int | None
    month: int
    day: int | None

    def is_said_by(self, other: Date) -> bool:
        """Whether all that this date says is said by the other one."""
        return (
            self.month == other.month
            and self.year in {None, other.year}
            and self.day in {None, other.day}
        )


@dataclass(frozen=True, slots=True)
class _Figures:
    """Dates, numbers outside of them, years and days inside them, and numbers spelled as words."""

    dates: frozenset[Date]
    numbers: frozenset[str]
    of_dates: frozenset[str]
    spelled: dict[str, str]
    words: frozenset[str]
    rest: str
    """The text without its dates."""

    @property
    def said(self) -> frozenset[str]:
        """All numbers, however they are written."""
        return self.numbers | self.of_dates | self.spelled.keys()

    @classmethod
    def of(cls, text: str) -> _Figures:
        dates, rest = _parted(text)
        words = words_of(text)
        return cls(
            frozenset(dates),
            frozenset(_NUMBER.findall(rest)),
            frozenset(str(n) for date in dates for n in (date.year, date.day) if n is not None),
            {str(NUMBER_WORDS[word]): word for word in words if word in NUMBER_WORDS},
            frozenset(words),
            rest,
        )


def _parted(text: str) -> tuple[list[Date], str]:
    """The dates of a text, and the text without them."""
    dates: list[Date] = []

    def taken(match: re.Match[str]) -> str:
        if date := _date(match):
            dates.append(date)
            return " "
        return match.group()

    for form in _DATES:
        text = form.sub(taken, text)
    return dates, text


def _date(match: re.Match[str]) -> Date | None:
    groups = match.groupdict()
    named = groups.get("month")
    month = MONTHS[named.lower()] if named else int(groups["number"])
    year, day = groups.get("year"), groups.get("day")
    if not 1 <= month <= 12 or (day and not 1 <= int(day) <= 31):  # noqa: PLR2004 - the calendar's
        return None
    return Date(int(year) if year else None, month, int(day) if day else None)


def _most_repeated(text: str) -> int:
    words = words_of(text)
    is_unspaced = sum(len(word) == 1 for word in words) * 2 > len(words)
    size = _CJK_NGRAM if is_unspaced else _NGRAM
    counts = Tally(zip(*(words[place:] for place in range(size)), strict=False))
    return max(counts.values(), default=0)


def _unknown_names(summary: str, source: str) -> bool:
    capitals = [word for word, is_name in _words(source) if is_name]
    if len(capitals) > _COMMON_CAPITALS * max(1, len(_WORD.findall(source))):
        return False
    known = {word.lower() for word in _WORD.findall(source)}
    return any(is_name and word.lower() not in known for word, is_name in _words(summary))


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """Words, and whether each is capitalised where no sentence begins."""
    for match in _WORD.finditer(text):
        word = match.group()
        before = text[max(0, match.start() - 3) : match.start()]
        is_inside = _AFTER_START.search(before) is not None
        yield word, len(word) > 1 and word[0].isupper() and is_inside
