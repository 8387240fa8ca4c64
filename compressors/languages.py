"""Which language a text is in, as far as its script and its commonest words tell."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

_SCRIPTS: Final = {
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "zh": re.compile(r"[\u3400-\u9fff]"),
    "ko": re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"),
    "Cyrl": re.compile(r"[\u0400-\u052f]"),
    "Arab": re.compile(r"[\u0600-\u06ff\u0750-\u077f]"),
    "Hebr": re.compile(r"[\u0590-\u05ff]"),
    "Grek": re.compile(r"[\u0370-\u03ff]"),
    "Deva": re.compile(r"[\u0900-\u097f]"),
    "Thai": re.compile(r"[\u0e00-\u0e7f]"),
    "Latn": re.compile(r"[A-Za-zÀ-ɏ]"),
}
_COMMON: Final = {
    "en": "the of and to in is was that for it with as on by at from are be this which were has an",
    "de": "der die das und ist nicht ein eine den von zu mit auf für im dem des sich auch wird",
    "fr": "le la les des et est une du que qui dans pour pas sur au par il sont avec ce plus en un",
    "es": "el la los las y es una del que por para con no se su como más en un fue son al lo",
    "it": "il la le gli e è una del che per di con non si sono come più in un della da nel al",
    "pt": "o a os as e é uma do da que por para com não se em um foi são no na dos como mais",
    "nl": "de het een en is van niet dat in op te met voor zijn er aan door wordt bij ook als die",
}
COMMON_WORDS: Final = {name: frozenset(words.split()) for name, words in _COMMON.items()}
"""The commonest words of languages in Latin script, by their codes."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_MOST = 0.6
"""Share of the letters that a script must have, if there are others."""
_SOME_KANA = 0.1
_LEAST = 3
_AHEAD = 1.5
"""How often common words of a language must stand in a text, and how much more than another's."""


def language(text: str) -> str:
    """A code: of a language, or of a script that is all that is known; empty if undecided."""
    found = Counter({name: len(letters.findall(text)) for name, letters in _SCRIPTS.items()})
    # Japanese has Chinese characters among its own.
    if found["ja"] > _SOME_KANA * (found["ja"] + found["zh"]):
        found["ja"] += found.pop("zh", 0)
    ((script, most),) = found.most_common(1)
    if most == 0 or most < _MOST * found.total():
        return ""
    return _latin(text) if script == "Latn" else script


def _latin(text: str) -> str:
    words = [word.lower() for word in _WORD.findall(text)]
    counts = Counter({name: sum(w in own for w in words) for name, own in COMMON_WORDS.items()})
    (first, most), (_, second) = counts.most_common(2)
    return first if most >= _LEAST and most >= _AHEAD * second else ""
