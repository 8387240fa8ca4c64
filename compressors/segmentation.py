"""Split text into sentences, with the exact place of each.

One regular expression finds the places where a sentence may end, plain Python vetoes those
where it does not. Nothing looks ahead behind a greedy run: with that, 100,000 dots took
minutes; like this any input takes time linear in its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOSERS = "\"'”’»›)\\]}」』）】》〉"

_CANDIDATE = re.compile(
    rf"(?P<full>[。！？｡]+)[{_CLOSERS}“„]*\s*"
    rf"|(?P<stop>[.!?…؟۔।॥‽]+)(?P<close>(?:[{_CLOSERS}]|\[\d{{1,3}}\])*)(?P<gap>\s*)"
    r"|(?P<line>\n\s*)"
)

# Never the end of a sentence: something that belongs to it always follows.
_TITLES = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "gen",
        "col",
        "sgt",
        "capt",
        "lt",
        "rev",
        "hon",
        "pres",
        "gov",
        "sen",
        "rep",
        "supt",
        "cmdr",
        "adm",
        "maj",
        "messrs",
        "mme",
        "mlle",
        "mgr",
        "vs",
        "cf",
        "ca",
        "approx",
        "fig",
        "figs",
        "vol",
        "vols",
        "pp",
        "ed",
        "eds",
        "trans",
        "hr",
        "hrn",
        "bzw",
        "vgl",
        "evtl",
        "ggf",
        "sog",
        "inkl",
        "zzgl",
        "nr",
        "str",
        "sra",
        "srta",
        "dña",
        "núm",
        "pág",
        "págs",
        "г-н",
        "г-жа",
        "им",
        "ул",
        "просп",
        "акад",
        "проф",
        "пл",
        "рис",
        "табл",
    ]
)
# The end of a sentence only if the next word says so.
_UNSURE = frozenset(
    [
        "inc",
        "ltd",
        "co",
        "corp",
        "jr",
        "sr",
        "bros",
        "dept",
        "univ",
        "assn",
        "mt",
        "ft",
        "ave",
        "blvd",
        "rd",
        "etc",
        "al",
        "ph.d",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "usw",
        "u.s.w",
        "d.h",
        "z.b",
        "u.a",
        "e.g",
        "i.e",
        "a.m",
        "p.m",
        "b.c",
        "a.d",
        "u.s",
        "u.k",
        "u.n",
        "d.c",
        "г",
        "гг",
        "в",
        "вв",
        "тыс",
        "млн",
        "млрд",
        "руб",
        "др",
        "пр",
        "т.д",
        "т.п",
        "т.е",
        "н.э",
        "см",
        "стр",
        "no",
        "nos",
        "op",
        "art",
        "cit",
    ]
)
_NUMBERED = frozenset("no nos p pp vol fig figs op art sec ch nr núm pág стр рис табл ст".split())  # noqa: SIM905
_STARTERS = frozenset(
    [
        "the",
        "a",
        "an",
        "this",
        "that",
        "these",
        "those",
        "he",
        "she",
        "it",
        "they",
        "we",
        "you",
        "i",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "to",
        "of",
        "as",
        "his",
        "her",
        "its",
        "their",
        "our",
        "my",
        "there",
        "here",
        "when",
        "while",
        "after",
        "before",
        "although",
        "though",
        "however",
        "but",
        "and",
        "if",
        "what",
        "who",
        "how",
        "why",
        "where",
        "which",
        "some",
        "many",
        "most",
        "all",
        "one",
        "no",
        "not",
        "since",
        "during",
        "der",
        "die",
        "das",
        "ein",
        "eine",
        "er",
        "sie",
        "es",
        "wir",
        "im",
        "in",
        "am",
        "le",
        "la",
        "les",
        "un",
        "une",
        "il",
        "elle",
        "ils",
        "elles",
        "el",
        "los",
        "las",
        "en",
        "et",
    ]
)
_MONTHS = frozenset(
    [
        "januar",
        "februar",
        "märz",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "dezember",
        "jahrhundert",
        "jahrhunderts",
    ]
)
_BULLET = re.compile(r"(?:[-*•‣▪●◦–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s")
_WORD_BEFORE = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*$")
_WORD = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s")
_LONGEST_ABBREVIATION = 24


@dataclass(frozen=True, slots=True)
class RuleSegmenter:
    """Finds sentences by rules that need neither a model nor the name of the language."""

    max_chars: int = 2000
    """No sentence is longer; one that would be is split, at whitespace where there is any."""

    def spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Half-open ranges of code points: in order, none empty, together all of ``text``.

        White space after a sentence belongs to it. An empty text has no sentences.
        """
        spans: list[tuple[int, int]] = []
        start = 0
        for end in _ends(text):
            if end > start:
                spans.extend(self._capped(text, start, end))
                start = end
        return tuple(spans)

    def _capped(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        while end - start > self.max_chars:
            cut = start + self.max_chars
            middle = start + self.max_chars // 2
            spaces = [match.end() for match in _SPACE.finditer(text, middle, cut)]
            cut = spaces[-1] if spaces else cut
            yield start, cut
            start = cut
        yield start, end


def _ends(text: str) -> Iterator[int]:
    start = 0
    for match in _CANDIDATE.finditer(text):
        if _is_end(text, start, match):
            start = match.end()
            yield start
    yield len(text)


def _is_end(text: str, start: int, match: re.Match[str]) -> bool:
    if match["full"]:
        return True
    if match["line"]:
        return match["line"].count("\n") > 1 or _BULLET.match(text, match.end()) is not None
    gap = match["gap"]
    if not gap:
        return False
    if gap.count("\n") > 1:
        return True
    following = text[match.end() : match.end() + _LONGEST_ABBREVIATION]
    if following and following[0].islower():
        return False
    return match["stop"] != "." or bool(match["close"]) or _full_stop(text, start, match, following)


def _full_stop(text: str, start: int, match: re.Match[str], following: str) -> bool:
    at = match.start()
    before = _WORD_BEFORE.search(text, max(start, at - _LONGEST_ABBREVIATION), at)
    if before is None:
        return True
    word = before[0].lower()
    if before.start() == start and word.isdigit():
        return False  # the number of a list item
    if word in _TITLES or (word in _NUMBERED and following[:1].isdigit()):
        return False
    if len(word) == 1 and before[0].islower() and following[:1].isdigit():
        return False  # r. 1229, c. 1850, p. 5
    next_word = _WORD.match(following)
    if next_word is not None and word.isdigit() and next_word[0].lower() in _MONTHS:
        return False
    initial = len(word) == 1 and before[0].isupper() and word != "i"
    if initial or word in _UNSURE:
        return next_word is not None and next_word[0].lower() in _STARTERS
    return True
