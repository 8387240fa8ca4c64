"""LongLLMLingua: keep the words that the question makes less surprising.

Method: arXiv 2310.06839, as the package ``llmlingua`` has it: documents are ranked by how likely
the question is after each (section 4.1), then tokens by how much likelier the question makes them
(contrastive perplexity, section 4.2), the more of a document the better it ranks (section 4.3).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from compressors.budget import Budget, share_of
from compressors.errors import InvalidInput
from compressors.llmlingua2 import keep_words
from compressors.protection import merged
from compressors.scores import checked
from compressors.selection import ORDINARY, PROTECTED, Candidate
from compressors.values import Context, Passage, Span, join_slices
from compressors.words import Words, tied_scores, touches

SPAN: Final = "span"
PARITY: Final = "parity"
_BUDGET = re.compile(r"[+*](?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,3})?")

Ranges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Method:
    """How the package works; each field is the argument of its ``compress_prompt`` of that name.

    ``condition_in_question``: rank by the question ``after`` a document, or by the document when
    the question stands ``before`` it. ``reorder_context``: read the documents ``sort``-ed, the
    best first, or in the ``original`` order; either way the result has the order that was given.
    ``dynamic_context_compression_ratio``: how far the rates of the best and the worst document
    differ from the mean. ``context_budget``: the tokens of the documents that are read word by
    word, as ``+100`` or ``*2`` of the target; the others are dropped.
    """

    condition_in_question: str = "after"
    reorder_context: str = "sort"
    dynamic_context_compression_ratio: float = 0.3
    context_budget: str = "+100"

    def __post_init__(self) -> None:
        _one_of("condition_in_question", self.condition_in_question, "after", "before")
        _one_of("reorder_context", self.reorder_context, "sort", "original")
        ratio = self.dynamic_context_compression_ratio
        if not 0.0 <= ratio <= 1.0:
            field = "longllmlingua.dynamic_context_compression_ratio"
            raise InvalidInput(field, f"must be in [0, 1], is {ratio}")
        # The package evaluates this as a program.
        if _BUDGET.fullmatch(self.context_budget) is None:
            field = "longllmlingua.context_budget"
            raise InvalidInput(field, "must be + or * and a number below a million")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a text: sorted, disjoint, non-empty ranges of its characters.

    ``surprise`` is the mean negative log likelihood of the tokens of the question after the text
    (or of the text after the question), in nats; 0 where nothing was ranked, as with one text.
    """

    ranges: Ranges
    surprise: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One ``Kept`` for each text, and what there is to say of how it went; never a text."""

    kept: Sequence[Kept]
    notes: tuple[str, ...] = ()


class QuestionReader(Protocol):
    """Keeps about a share of the tokens of texts, those that the question asks for."""

    def keep(self, question: str, texts: Sequence[str], share: float, method: Method) -> Answer:
        """At least one text, none blank, none with white space at its ends; ``share`` in (0, 1).

        The question is not blank. Raises ``ModelFailure``, ``DeadlineExceeded`` or ``Cancelled``.
        """
        ...


@dataclass(frozen=True, slots=True)
class LongLlmlingua:
    """A ``Compressor`` that drops documents, then tokens, by what the question asks for.

    It aims at the budget, or at ``rate`` of the tokens without one. In the mode ``span`` words
    stay whole, a negation stays with the word after it and a number with its neighbours, and the
    aim is a limit: words of the documents that rank worst, and those of which the package kept
    least, go first. In the mode ``parity`` the result is what the package keeps, cut only if the
    budget needs it. Protected text stays in both.

    A span's score is that of its document, times the share of its words that the package kept: 1
    for the document that explains the question best, below that the ratio of the likelihoods of
    the question, per token. The model reads one request at a time, and is not batched by the
    engine.
    """

    reader: QuestionReader
    backend: str
    rate: float = 0.5
    mode: str = SPAN
    condition_in_question: str = "after"
    reorder_context: str = "sort"
    dynamic_context_compression_ratio: float = 0.3
    context_budget: str = "+100"
    name: str = "longllmlingua"
    method: Method = field(init=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= 1.0:
            raise InvalidInput("longllmlingua.rate", f"must be in (0, 1], is {self.rate}")
        _one_of("mode", self.mode, SPAN, PARITY)
        method = Method(
            self.condition_in_question,
            self.reorder_context,
            self.dynamic_context_compression_ratio,
            self.context_budget,
        )
        object.__setattr__(self, "method", method)

    def compress(self, context: Context, budget: Budget) -> Context:
        texts = {
            index: text
            for index, passage in enumerate(context.passages)
            if (text := _Text.of(passage)).text
        }
        if not texts:
            return context
        if not context.query.strip():
            return context.noting("no question to compress for")
        tokens = budget.count(context.text)
        share = self.rate if budget.max_tokens is None else budget.max_tokens / tokens
        if share >= 1.0:
            return context
        answer = self.reader.keep(
            context.query.strip(), [text.text for text in texts.values()], share, self.method
        )
        context = replace(context, notes=(*context.notes, *answer.notes))
        candidates = self._all_candidates(context, texts, answer.kept)
        if not candidates and not context.allow_empty:
            context = context.noting("nothing was kept: cut by the rank of documents instead")
            whole = [
                replace(k, ranges=((0, len(t.text)),))
                for k, t in zip(answer.kept, texts.values(), strict=True)
            ]
            candidates = self._all_candidates(context, texts, whole)
        return self._within(context, candidates, budget, tokens)

    def _all_candidates(
        self, context: Context, texts: Mapping[int, _Text], kept: Sequence[Kept]
    ) -> list[Candidate]:
        candidates: list[Candidate] = []
        scores = _scores([own.surprise for own in kept])
        for (index, text), own, score in zip(texts.items(), kept, scores, strict=True):
            candidates += self._candidates(context, index, text.places(own.ranges), score)
        return candidates

    def _candidates(
        self, context: Context, index: int, kept: Ranges, score: float
    ) -> list[Candidate]:
        """The words of a passage, or parts of them, of which anything is to stay."""
        passage = context.passages[index]
        text = passage.document.text
        protected = context.protection.ranges(passage.document)
        words = Words.of(text).within((span.start, span.end) for span in passage.spans)
        if self.mode == PARITY:
            wanted = merged([*kept, *protected])
            parts = [part for word in words for part in _parts(word, wanted)]
            worths = [1.0] * len(parts)
        else:
            parts = words
            worths = tied_scores(text, words, [_share(word, kept) for word in words])
        return [
            Candidate(index, start, end, score, PROTECTED)
            if touches(start, end, protected)
            else Candidate(index, start, end, score * worth, ORDINARY)
            for (start, end), worth in zip(parts, worths, strict=True)
            if worth > 0.0 or touches(start, end, protected)
        ]

    def _within(
        self, context: Context, candidates: Sequence[Candidate], budget: Budget, tokens: int
    ) -> Context:
        if self.mode == PARITY:
            result, limited = _exactly(context, candidates), budget
        else:
            result = keep_words(context, candidates, budget.limited_to(None), threshold=0.0)
            limited = budget.limited_to(budget.max_tokens or share_of(tokens, self.rate))
        # Parts of words cost more tokens alone than together, so the whole is counted first.
        if limited.fits(result.text):
            return result
        return keep_words(context, candidates, limited, threshold=0.0)


@dataclass(frozen=True, slots=True)
class _Text:
    """What is left of a passage, as one text without white space at its ends.

    ``starts`` are the places in it of the passage's ``spans``.
    """

    text: str
    starts: tuple[int, ...]
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, passage: Passage) -> _Text:
        text = passage.document.text
        joined = passage.text
        position = len(joined.lstrip()) - len(joined)
        starts: list[int] = []
        for before, span in zip((None, *passage.spans), passage.spans, strict=False):
            if before is not None:
                # What stands between two spans is for ``join_slices`` to say.
                position += len(join_slices(text, (before, span))) - len(span)
            starts.append(position)
        return cls(joined.strip(), tuple(starts), passage.spans)

    def places(self, ranges: Ranges) -> list[tuple[int, int]]:
        """Ranges of this text as sorted, disjoint ranges of the document."""
        found: list[tuple[int, int]] = []
        for start, end in ranges:
            number = max(0, bisect_right(self.starts, start) - 1)
            while number < len(self.spans) and (at := self.starts[number]) < end:
                span = self.spans[number]
                left, right = max(start, at), min(end, at + len(span))
                if left < right:
                    found.append((span.start + left - at, span.start + right - at))
                number += 1
        return merged(found)


def _exactly(context: Context, candidates: Sequence[Candidate]) -> Context:
    """The context with the candidates and nothing else, not even the header of a table."""
    spans: dict[int, list[Span]] = {}
    for candidate in candidates:
        text = context.passages[candidate.passage].document.text
        own = spans.setdefault(candidate.passage, [])
        piece = text[candidate.start : candidate.end]
        if piece.isspace():
            continue
        start = candidate.end - len(piece.lstrip())
        end = candidate.start + len(piece.rstrip())
        if own and not text[own[-1].end : start].strip():
            start = own.pop().start
        own.append(Span(start, end, candidate.score))
    passages = [p.keeping(spans.get(index, ())) for index, p in enumerate(context.passages)]
    return replace(context, passages=tuple(passages))


def _one_of(field: str, value: str, *known: str) -> None:
    if value not in known:
        raise InvalidInput(f"longllmlingua.{field}", f"must be {' or '.join(known)}")


def _scores(surprises: Sequence[float]) -> list[float]:
    best = min(surprises)
    return checked([math.exp(best - own) for own in surprises], len(surprises))


def _parts(word: tuple[int, int], ranges: Ranges) -> list[tuple[int, int]]:
    """What sorted, disjoint ranges have of a word."""
    start, end = word
    parts: list[tuple[int, int]] = []
    for at in range(max(0, bisect_left(ranges, (start,)) - 1), len(ranges)):
        if ranges[at][0] >= end:
            break
        left, right = max(start, ranges[at][0]), min(end, ranges[at][1])
        if left < right:
            parts.append((left, right))
    return parts


def _share(word: tuple[int, int], ranges: Ranges) -> float:
    """The share of a word's characters that sorted, disjoint ranges hold."""
    return sum(end - start for start, end in _parts(word, ranges)) / (word[1] - word[0])
