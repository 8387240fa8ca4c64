"""Answers in texts: whether one occurs, where, and how close a prediction comes to one."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from evaluation.values import Range

# Thai to Khmer, kana, Chinese characters and Hangul. Korean has spaces, but glues its particles
# to the words, so that an answer is hardly ever a whole one.
_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
    r"\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_TOKEN: Final = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_ARTICLE: Final = re.compile(r"\b(a|an|the)\b")
_CJK_PUNCTUATION: Final = "".join(
    letter
    for block in ((0x3000, 0x3040), (0xFE30, 0xFE50), (0xFF00, 0xFFF0))
    for letter in map(chr, range(*block))
    if unicodedata.category(letter)[0] == "P"
)
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation + _CJK_PUNCTUATION)
_UNFINDABLE: Final = frozenset({"", "yes", "no"})


def findable(answers: Sequence[str]) -> tuple[str, ...]:
    """The answers that a text can hold: not empty, and neither yes nor no."""
    return tuple(answer for answer in answers if _words(answer) not in _UNFINDABLE)


def mentions(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the answers occurs as whole words, whatever its case and punctuation.

    In scripts without spaces between words every character is a word, so that there an answer
    occurs wherever its characters follow one another.
    """
    words = f" {_words(text)} "
    return any(f" {wanted} " in words for wanted in map(_words, answers) if wanted)


def occurrences(text: str, answers: Sequence[str]) -> Iterator[Range]:
    """Where the answers occur in the sense of ``mentions``; overlapping and in no set order."""
    found = [(match.group().lower(), match.span()) for match in _WORD.finditer(text)]
    words = [word for word, _ in found]
    for answer in answers:
        wanted = _words(answer).split()
        for at, word in enumerate(words):
            if [word] == wanted[:1] and words[at : at + len(wanted)] == wanted:
                yield found[at][1][0], found[at + len(wanted) - 1][1][1]


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1 if the prediction is one of the answers, else 0, as SQuAD's official script has it.

    Rajpurkar et al. 2016, "SQuAD", section 6.1: case, ASCII punctuation, articles and white space
    do not count. Here nor does the punctuation of Chinese and Japanese.
    """
    tokens = _tokens(prediction)
    return float(any(tokens == _tokens(answer) for answer in answers))


def overlap(prediction: str, answers: Sequence[str]) -> float:
    """The best F1 over the answers, as SQuAD's official script has it; 0 without answers.

    Tokens are words, and characters in scripts without spaces (as in MLQA's script, Lewis et al.
    2020). Where one side has no tokens, it is 1 if the other has none either.
    """
    tokens = _tokens(prediction)
    return max((_f1(tokens, _tokens(answer)) for answer in answers), default=0.0)


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text)).lower()


def _tokens(text: str) -> list[str]:
    bare = _ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION))
    return _TOKEN.findall(bare)


def _f1(ours: list[str], theirs: list[str]) -> float:
    if not ours or not theirs:
        return float(ours == theirs)
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs))
