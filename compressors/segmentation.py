"""Split text into sentences, with the exact place of each.

One regular expression finds the places where a sentence may end, plain Python vetoes those
where it does not. Nothing looks ahead behind a greedy run: with that, 100,000 dots took
minutes; like this any input takes time linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from compressors import abbreviations
from compressors.errors import InvalidInput

MAX_CHARS: Final = 2000
"""Characters of a sentence at most, where nothing else is said."""

_CLOSERS: Final = "\"'”’»›)\\]}」』）】》〉"

_STOPS: Final = ".!?…؟۔।॥‽።။។፧։"
_FULL_STOPS: Final = "。！？｡"
_CANDIDATE: Final = re.compile(
    rf"(?P<mark>[{_STOPS}{_FULL_STOPS}\n])(?:"
    rf"(?<=[{_FULL_STOPS}])[{_FULL_STOPS}]*(?P<shut>[{_CLOSERS}]*)\s*"
    r"|(?<=\n)\s*"
    rf"|(?P<more>[{_STOPS}]*)(?P<close>[{_CLOSERS}]*"
    rf"(?:(?:\[\d{{1,3}}\]|[ \u00a0\u202f][»”])[{_CLOSERS}]*)*+)(?P<gap>\s*))"
)
"""Where a sentence may end: every part takes all that it can, and none has to give any back.

It begins with a set of characters, because `re` finds the next of a set four times as fast.
"""
_NEW_LINE: Final = re.compile(
    r"(?:[-*•‣▪●◦–—|]|#{1,6}|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|[A-Z][\w.'’-]*(?: [\w.'’-]+){0,2}:)\s"
)
"""How a list item, a heading, a table row or another speaker's turn starts."""
_WORD_BEFORE: Final = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*\Z")
_PLAIN_BEFORE: Final = re.compile(r"(?<![^\s(\"'“])[^\W\d_]{2,}\Z")
_PLAIN_AFTER: Final = re.compile(r"[^\W\d_]+(?=[\s,'’]|\Z)")
"""Words that are no part of a name of several, a link or an address."""
_ORDINAL_BEFORE: Final = re.compile(r"\b(?:der|die|das|dem|den|des|im|am|vom|zum|zur|beim) \Z")
_INITIALS: Final = re.compile(r"[^\W\d_](?:[.-]+[^\W\d_])*")
_INITIAL: Final = re.compile(r"[^\W\d_]\.")
_INITIAL_BEFORE: Final = re.compile(r"(?<![^\W_])[^\W\d_]\. ?\Z")
_WORD: Final = re.compile(r"[^\W_]+")
_SPACE: Final = re.compile(r"\s")
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_HIRAGANA: Final = re.compile(r"[\u3040-\u309f]")
_GOES_ON: Final = frozenset(".,;:/!?…。．，、；：！？")
"""What no sentence starts with."""
_DASHES: Final = frozenset("-–—")
_SHORTEST_WORD: Final = 3
_LONGEST_ORDINAL: Final = 2
_LOOK: Final = 24
"""Characters before and after a full stop that decide about it."""


@dataclass(frozen=True, slots=True)
class RuleSegmenter:
    """Finds sentences by rules that need neither a model nor the name of the language."""

    max_chars: int = MAX_CHARS
    """No sentence is longer; one that would be is split, at white space where there is any."""

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise InvalidInput("max_chars", f"a sentence has a character, not {self.max_chars}")

    def spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Half-open ranges of code points: in order, none empty, together all of ``text``.

        White space after a sentence belongs to it, and what a text starts with to the first. An
        empty text has no sentences.
        """
        return spans_between(text, _ends(text), self.max_chars)


def spans_between(text: str, ends: Iterable[int], most: int) -> tuple[tuple[int, int], ...]:
    """The ranges that ascending ``ends`` cut ``text`` into, the end of the text being the last.

    None is longer than ``most`` characters; one that would be is cut at the last white space in
    the second half of as many, or where there is none behind them. White space alone is no range
    but where a text has more than ``most`` of it.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in ends:
        if end > start and not (start == 0 and text[:end].isspace()):
            spans.extend(_capped(text, start, end, most) if end - start > most else [(start, end)])
            start = end
    if len(text) > start:
        spans.extend(_capped(text, start, len(text), most))
    return tuple(spans)


def _capped(text: str, start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    while end - start > most:
        cut = start + most
        for match in _SPACE.finditer(text, start + most // 2, start + most):
            cut = match.end()
        yield start, cut
        start = cut
    yield start, end


def _ends(text: str) -> Iterator[int]:
    start = 0
    for match in _CANDIDATE.finditer(text):
        if _is_end(text, start, match):
            start = match.end()
            yield start


def _is_end(text: str, start: int, match: re.Match[str]) -> bool:
    end, mark = match.end(), match["mark"]
    if mark == "\n":
        blank = text.count("\n", match.start(), end) > 1
        return blank or _NEW_LINE.match(text, end, end + _LOOK) is not None
    following = text[end : end + _LOOK]
    if mark in _FULL_STOPS:
        # Japanese goes on behind a quotation with a particle: 「…。」と言った.
        quotes = match["shut"] and _HIRAGANA.match(following)
        return not quotes and following[:1] not in _GOES_ON
    if not match["gap"]:
        return _without_gap(text, match, following)
    return match["gap"].count("\n") > 1 or _is_stop(text, start, match, following)


def _is_stop(text: str, start: int, match: re.Match[str], following: str) -> bool:
    if following[:1] in _GOES_ON:
        return False
    if match["mark"] != "." or match["more"] or match["close"]:
        return _exclamation(match, following)
    return _full_stop(text, start, match, following)


def _without_gap(text: str, match: re.Match[str], following: str) -> bool:
    """Whether only the space is missing: "it rains.The sun", but not "os.Path" or "a.com?B=1"."""
    if _CJK.match(following):
        return _last(match) in "!?"
    if match["close"] or not following[:1].isupper():
        return False
    before = _PLAIN_BEFORE.search(text, max(0, match.start() - _LOOK), match.start())
    after = _PLAIN_AFTER.match(following)
    if before is None or after is None or not before[0].islower():
        return False
    if match["mark"] != "." or match["more"]:
        return True
    return after[0].lower() in abbreviations.FIRST_WORDS


def _exclamation(match: re.Match[str], following: str) -> bool:
    """Anything but a bare full stop: all that speaks against it is that the text goes on."""
    if match["close"][-1:] == ")" and following[:1] in _DASHES:
        # A remark in brackets is no sentence: Orwell (born 1903 in B.) – a writer.
        return False
    if not following[:1].islower():
        return True
    return _last(match) in "!?" and not match["close"]


def _last(match: re.Match[str]) -> str:
    return (match["more"] or match["mark"])[-1]


def _full_stop(text: str, start: int, match: re.Match[str], following: str) -> bool:
    before = _WORD_BEFORE.search(text, max(start, match.start() - _LOOK), match.start())
    if before is None:
        return not following[:1].islower()
    word = before[0]
    if following[:1].islower():
        # Who starts a sentence without a capital may start the next one so.
        small = word.lower()
        whole = len(word) >= _SHORTEST_WORD and word.isalpha() and not abbreviations.known(small)
        return whole and text[start : start + 1].islower()
    next_word = _WORD.match(following)
    after = next_word[0].lower() if next_word else ""
    if word.isdigit():
        return before.start() != start and not _is_ordinal(text, before.start(), word, after)
    if abbreviations.never_last(word) or _counts(word, following):
        return False
    if abbreviations.seldom_last(word) or _is_initial(text, before):
        # The A of "J. A. Smith" is no article.
        return after in abbreviations.FIRST_WORDS and not _INITIAL.match(following)
    return True


def _is_initial(text: str, before: re.Match[str]) -> bool:
    """Whether a word is letters for names; "I" is so behind another one: J. I. Rodale."""
    if before[0] in {"I", "i"}:
        at = before.start()
        return _INITIAL_BEFORE.search(text, max(0, at - 3), at) is not None
    # A script without capitals has none: Korean sentences end with words of one letter.
    cased = before[0][0].isupper() or before[0][0].islower()
    return cased and _INITIALS.fullmatch(before[0]) is not None


def _counts(word: str, following: str) -> bool:
    """Whether a number belongs to the abbreviation before it: no. 5, r. 1229, Abb. 3."""
    single = len(word) == 1 and word.islower()
    return following[:1].isdigit() and (single or word.lower() in abbreviations.NUMBERED)


def _is_ordinal(text: str, at: int, word: str, after: str) -> bool:
    """German writes the third as ``3.``."""
    if len(word) > _LONGEST_ORDINAL:
        return False
    return after in abbreviations.MONTHS or bool(_ORDINAL_BEFORE.search(text, max(0, at - 6), at))
