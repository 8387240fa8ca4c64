"""What is measured: requests with what they need, and what a method leaves of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Range = tuple[int, int]
"""Half-open code points of a document's text."""


@dataclass(frozen=True, slots=True)
class Source:
    """A retrieved document. ``support``: what of its text the answer needs, sorted, disjoint."""

    title: str
    text: str
    is_gold: bool = False
    support: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A query with its documents; without ``answers`` only the support can be measured."""

    id: str
    query: str
    answers: tuple[str, ...]
    documents: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of one document, which is at index ``document`` of its example.

    ``spans`` are the ranges of the original that were kept, sorted and disjoint, or ``None`` where
    a method gives nothing but text.
    """

    document: int
    text: str
    spans: tuple[Range, ...] | None


Shortened = tuple[Kept, ...]
"""One example, shortened: the documents of which something is left, in the example's order."""


class Method(Protocol):
    """Shortens examples: a chain of ours, or what a user would otherwise take."""

    @property
    def name(self) -> str: ...

    def shorten(self, example: Example, budgets: Sequence[int]) -> Sequence[Shortened]:
        """One result for each budget, in tokens of the evaluation's counter over the kept texts.

        The work that does not depend on the budget, such as scoring, is done once.
        """
        ...


class Reader(Protocol):
    """Answers a query from what a method left."""

    @property
    def name(self) -> str: ...

    def read(self, asked: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> Sequence[str]:
        """One answer for each query with its documents, given as title and text."""
        ...
