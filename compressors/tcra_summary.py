"""TCRA, first way: summarize each document to its share of the budget.

Method: arXiv 2310.15556, whose summarizer is an mT5 fine-tuned for the purpose. The default here
is extractive: sentences of the documents themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from compressors.budget import Budget, share_of
from compressors.errors import InvalidInput
from compressors.extractive import ExtractiveSummarizer
from compressors.groups import Group, GroupSummaries
from compressors.protocols import Summarizer
from compressors.selection import select
from compressors.values import Context


@dataclass(frozen=True, slots=True)
class TcraSummary:
    """A ``Compressor`` that summarizes every document.

    Without a ``summarizer`` the sentences that ``extractive`` finds most representative of their
    document stay, as spans of it, chosen over all documents at once. With one, a summary takes the
    place of each document that is larger than its share; the extractive way is what is left where
    that fails. A note says what rate the summaries achieved. Without a budget ``rate`` of the
    tokens stay.
    """

    extractive: ExtractiveSummarizer
    backend: str
    summarizer: Summarizer | None = None
    rate: float = 0.5
    name: str = "tcra-summary"

    def __post_init__(self) -> None:
        if not 0.0 < self.rate <= 1.0:
            raise InvalidInput("tcra-summary.rate", f"must be in (0, 1], is {self.rate}")

    def compress(self, context: Context, budget: Budget) -> Context:
        given = {i: passage for i, passage in enumerate(context.passages) if passage.spans}
        if not given:
            return context
        limit = budget.max_tokens or share_of(budget.count(context.text), self.rate)
        limited = budget.limited_to(limit)
        representatives = self.extractive.representatives
        if self.summarizer is not None:
            groups = [
                Group(f"{p.document.id}-summary", {i: p}, max(1, budget.count(p.text)))
                for i, p in given.items()
            ]
            writer = GroupSummaries(self.summarizer, representatives, context.query)
            return _measured(context, writer.of(context, groups, limited), limited)
        each = [{index: passage} for index, passage in given.items()]
        ranked = representatives.ranked(context.query, each, context.protection)
        candidates = [part for row in ranked for sentence in row for part in sentence]
        return select(context, candidates, limited, threshold=0.0)


def _measured(given: Context, result: Context, budget: Budget) -> Context:
    """The result, with a note of the tokens that its new summaries have of their documents'."""
    known = {passage.document.id for passage in given.summaries}
    written = [p for p in result.summaries if p.document.id not in known]
    if not written:
        return result
    gone = {p.document.id for p in result.passages if p.summarized}
    read = sum(budget.count(p.text) for p in given.passages if p.spans and p.document.id in gone)
    achieved = sum(budget.count(passage.text) for passage in written) / max(1, read)
    asked = (budget.max_tokens or 0) / max(1, budget.count(given.text))
    return result.noting(f"summaries at rate {achieved:.2f}, asked {asked:.2f}")
