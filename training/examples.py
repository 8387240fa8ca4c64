"""Labelled queries and documents, in one shape whatever data set they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from compressors.segmentation import RuleSegmenter

_SEGMENTER = RuleSegmenter()
_PTB = (
    (re.compile(r"``\s*"), '"'),
    (re.compile(r"\s*''"), '"'),
    (re.compile(r"\s+([.,;:!?%)\]])"), r"\1"),
    (re.compile(r"([(\[$])\s+"), r"\1"),
    (re.compile(r"\s+(n't|'s|'re|'ve|'ll|'d|'m)\b"), r"\1"),
    (re.compile(r"\s--\s"), " – "),
)


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """A document, its sentences as half-open character ranges, and which of them answer."""

    title: str
    text: str
    spans: tuple[tuple[int, int], ...]
    support: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """A query with documents that support an answer and others that do not."""

    source: str
    id: str
    query: str
    gold: tuple[LabelledDocument, ...]
    distractors: tuple[LabelledDocument, ...]
    answers: tuple[str, ...] = field(default=())


def document(title: str, text: str, evidence: tuple[tuple[int, int], ...] = ()) -> LabelledDocument:
    """Cut ``text`` as the product does; a sentence supports if it shares half with evidence."""
    spans = _SEGMENTER.spans(text)
    support = frozenset(
        index
        for index, (start, end) in enumerate(spans)
        if any(_halves(start, end, *part) for part in evidence)
    )
    return LabelledDocument(title.replace("_", " ").strip(), text, spans, support)


def annotated(
    title: str, sentences: list[str], supporting: list[int], *, ptb: bool = False
) -> LabelledDocument:
    """A document whose data set brings sentences of its own and the numbers of the good ones."""
    pieces = [" ".join((plain(one) if ptb else one).split()) for one in sentences]
    evidence = []
    text = ""
    for index, piece in enumerate(pieces):
        start = len(text)
        text += piece + " "
        if index in supporting and piece:
            evidence.append((start, start + len(piece)))
    return document(title, text.rstrip(), tuple(evidence))


def answering(title: str, text: str, answers: tuple[str, ...]) -> LabelledDocument:
    """A document whose evidence is wherever one of the answers occurs."""
    lowered = text.lower()
    evidence = []
    for answer in answers:
        at = lowered.find(answer.lower()) if answer else -1
        while at >= 0:
            evidence.append((at, at + len(answer)))
            at = lowered.find(answer.lower(), at + len(answer))
    return document(title, text, tuple(evidence))


def plain(text: str) -> str:
    """Undo Penn Treebank tokenisation, near enough."""
    for pattern, replacement in _PTB:
        text = pattern.sub(replacement, text)
    return text


def _halves(start: int, end: int, from_: int, to: int) -> bool:
    shared = min(end, to) - max(start, from_)
    return shared > 0 and 2 * shared >= min(end - start, to - from_)
