"""Words for numbers and months, in the languages that the checks of TCRA know."""

from __future__ import annotations

from typing import Final


def _numbered(text: str, first: int = 1) -> dict[str, int]:
    """Words by number: those of one number with a slash between, numbers by spaces."""
    groups = enumerate(text.split(), first)
    return {word: number for number, group in groups for word in group.split("/")}


MONTHS: Final = (
    # English and German, French, Spanish, Italian, Russian.
    _numbered("january/jan february/feb march/mar april/apr may june/jun july/jul august/aug")
    | _numbered("september/sep/sept october/oct november/nov december/dec", 9)
    | _numbered("januar/jänner februar märz april mai juni juli august")
    | _numbered("september oktober/okt november dezember/dez", 9)
    | _numbered("janvier février mars avril mai juin juillet août")
    | _numbered("septembre octobre novembre décembre", 9)
    | _numbered("enero febrero marzo abril mayo junio julio agosto")
    | _numbered("septiembre octubre noviembre diciembre", 9)
    | _numbered("gennaio febbraio marzo aprile maggio giugno luglio agosto")
    | _numbered("settembre ottobre novembre dicembre", 9)
    | _numbered("января/январь февраля/февраль марта/март апреля/апрель мая/май июня/июнь")
    | _numbered("июля/июль августа/август сентября/сентябрь октября/октябрь", 7)
    | _numbered("ноября/ноябрь декабря/декабрь", 11)
)
"""The number of a month by its name in lower case."""

NUMBER_WORDS: Final = (
    _numbered("two three four five six seven eight nine ten eleven twelve", 2)
    | _numbered("thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty", 13)
    | {
        word: 10 * n
        for word, n in _numbered("thirty forty fifty sixty seventy eighty ninety", 3).items()
    }
    | _numbered("zwei drei vier fünf sechs sieben acht neun zehn", 2)
    | _numbered("deux trois quatre cinq six", 2)
    | _numbered("huit neuf dix onze douze", 8)
    | _numbered("dos tres cuatro cinco seis siete ocho nueve diez", 2)
    | _numbered("два/две три четыре пять шесть семь восемь девять десять", 2)
)
"""Cardinal numbers by their word in lower case: without one, which is an article too, and without
words that are something else in another of these languages, such as once, elf and sept."""

SCALES: Final = frozenset(
    _numbered(
        "hundred thousand million millions billion billions trillion dozen percent per square cubic"
        " hundert tausend million millionen milliarde milliarden prozent"
        " cent cents mille millions milliard milliards mil millón millones"
        " сто тысяч тысяча миллион миллионов миллиард миллиардов"
    )
)
"""Words between a number and what it counts."""
