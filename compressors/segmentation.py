"""Split text into sentences, with the exact place of each.

One regular expression finds the places where a sentence may end, plain Python vetoes those
where it does not. Nothing looks ahead behind a greedy run: with that, 100,000 dots took
minutes; like this any input takes time linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from compressors import abbreviations

_CLOSERS = "\"'”’»›)\\]}」』）】》〉"

_CANDIDATE: Final = re.compile(
    rf"(?P<full>[。！？｡]+)(?P<shut>[{_CLOSERS}]*)\s*"
    rf"|(?P<stop>[.!?…؟۔।॥‽]+)(?P<close>(?:[{_CLOSERS}]|\[\d{{1,3}}\]| [»”])*)(?P<gap>\s*)"
    r"|(?P<line>\n\s*)"
)
_NEW_LINE: Final = re.compile(
    r"(?:[-*•‣▪●◦–—|]|#{1,6}|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|[A-Z][\w.'’-]*(?: [\w.'’-]+){0,2}:)\s"
)
"""How a list item, a heading, a table row or another speaker's turn starts."""
_WORD_BEFORE: Final = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*$")
_ORDINAL_BEFORE: Final = re.compile(r"\b(?:der|die|das|dem|den|des|im|am|vom|zum|zur|beim) $")
_INITIALS: Final = re.compile(r"[^\W\d_](?:[.-]+[^\W\d_])*")
_WORD: Final = re.compile(r"[^\W_]+")
_SPACE: Final = re.compile(r"\s")
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_HIRAGANA: Final = re.compile(r"[\u3040-\u309f]")
_SHORTEST_WORD: Final = 3
_LONGEST_ORDINAL: Final = 2
_LOOK: Final = 24
"""Characters before and after a full stop that decide about it."""


@dataclass(frozen=True, slots=True)
class RuleSegmenter:
    """Finds sentences by rules that need neither a model nor the name of the language."""

    max_chars: int = 2000
    """No sentence is longer; one that would be is split, at white space where there is any."""

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
            spaces = [
                match.end() for match in _SPACE.finditer(text, start + self.max_chars // 2, cut)
            ]
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
    following = text[match.end() : match.end() + _LOOK]
    if match["full"]:
        # Japanese goes on behind a quotation with a particle: 「…。」と言った.
        return not (match["shut"] and _HIRAGANA.match(following))
    if match["line"]:
        return match["line"].count("\n") > 1 or _NEW_LINE.match(following) is not None
    if match["gap"].count("\n") > 1:
        return True
    return _is_stop(text, start, match, following)


def _is_stop(text: str, start: int, match: re.Match[str], following: str) -> bool:
    if not match["gap"]:
        return match["stop"][-1] in "!?" and _CJK.match(following) is not None
    if following[:1] in set(".,;:/!?…"):
        return False
    if match["stop"] != "." or match["close"]:
        return _exclamation(match, following)
    return _full_stop(text, start, match, following)


def _exclamation(match: re.Match[str], following: str) -> bool:
    """Anything but a bare full stop: all that speaks against it is that the text goes on."""
    if not following[:1].islower():
        return True
    return match["stop"][-1] in "!?" and not match["close"]


def _full_stop(text: str, start: int, match: re.Match[str], following: str) -> bool:
    before = _WORD_BEFORE.search(text, max(start, match.start() - _LOOK), match.start())
    if before is None:
        return not following[:1].islower()
    word = before[0].lower()
    if following[:1].islower():
        # Who starts a sentence without a capital may start the next one so.
        whole = len(word) >= _SHORTEST_WORD and word.isalpha() and not abbreviations.known(word)
        return whole and text[start : start + 1].islower()
    next_word = _WORD.match(following)
    after = next_word[0].lower() if next_word else ""
    if word.isdigit():
        return before.start() != start and not _is_ordinal(text, before.start(), word, after)
    if word in abbreviations.NEVER_LAST or _counts(before[0], following):
        return False
    if word in abbreviations.SELDOM_LAST or (_INITIALS.fullmatch(word) and word != "i"):
        return after in abbreviations.FIRST_WORDS
    return True


def _counts(word: str, following: str) -> bool:
    """Whether a number belongs to the abbreviation before it: no. 5, r. 1229, Abb. 3."""
    single = len(word) == 1 and word.islower()
    return following[:1].isdigit() and (single or word.lower() in abbreviations.NUMBERED)


def _is_ordinal(text: str, at: int, word: str, after: str) -> bool:
    """German writes the third as ``3.``."""
    if len(word) > _LONGEST_ORDINAL:
        return False
    return after in abbreviations.MONTHS or bool(_ORDINAL_BEFORE.search(text, max(0, at - 6), at))
