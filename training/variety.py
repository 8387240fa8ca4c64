"""Queries as people type them, and documents that only seem to fit."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Final

from training.examples import Group, LabelledDocument

_STOP: Final = frozenset(
    # One string: a list of sixty would be a screen.
    "a an the of in on at to for by is are was were be been do does did who what which when where "  # noqa: SIM905
    "why how that this these those and or with from as it its has have had whose".split()
)
_PUNCTUATION: Final = re.compile(r"[^\w\s]")


def keywords(query: str) -> str:
    """The query without the words that search engines pass over."""
    words = _PUNCTUATION.sub(" ", query).split()
    return " ".join(word for word in words if word.lower() not in _STOP) or query


def typo(query: str, rng: random.Random) -> str:
    """Two neighbouring letters of one longer word change places, or one is missing."""
    words = query.split()
    long = [at for at, word in enumerate(words) if len(word) > 4]
    if not long:
        return query
    at = rng.choice(long)
    word = words[at]
    place = rng.randrange(1, len(word) - 2)
    rest = word[place + 1] + word[place] + word[place + 2 :]
    words[at] = word[:place] + (rest if rng.random() < 0.5 else word[place + 1 :])
    return " ".join(words)


def without_punctuation(query: str) -> str:
    """As many type: no question mark, no commas."""
    return " ".join(_PUNCTUATION.sub(" ", query).split()) or query


def spoilt(query: str, rng: random.Random) -> str:
    """The query in one of these ways."""
    way = rng.randrange(3)
    return (keywords(query), typo(query, rng), without_punctuation(query))[way]


def retitled(
    documents: list[LabelledDocument], group: Group, rng: random.Random
) -> list[LabelledDocument]:
    """One of the documents that do not help bears the title of one that does."""
    wrong = [at for at, one in enumerate(documents) if not one.support]
    if not wrong or not group.gold:
        return documents
    at = rng.choice(wrong)
    swapped = replace(documents[at], title=group.gold[0].title)
    return [*documents[:at], swapped, *documents[at + 1 :]]
