"""What a compressed context amounts to: the results of its documents, and the sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from compressors.budget import Budget
from compressors.chain import final_outcome
from compressors.values import Context, Passage
from compressors.work import current
from service.request import DocumentResult, Result, SummaryResult, Totals


@dataclass(frozen=True, slots=True)
class Finals:
    """Hands on the result of each document once, as soon as no later stage can change it.

    A document of which nothing is kept stays so. All others are final at the end.
    """

    budget: Budget
    hand_on: Callable[[DocumentResult], None]
    _seen: set[str] = field(default_factory=set)

    def watch(self, context: Context) -> None:
        """See the context after a stage."""
        for passage in context.originals:
            if not passage.spans:
                self._hand_on(document_result(context, passage, self.budget))

    def end(self, result: Result) -> None:
        """See the result."""
        for document in result.documents:
            self._hand_on(document)

    def _hand_on(self, result: DocumentResult) -> None:
        if result.document.id not in self._seen:
            self._seen.add(result.document.id)
            self.hand_on(result)


def document_result(context: Context, passage: Passage, budget: Budget) -> DocumentResult:
    before, after = budget.counter.count([passage.document.text, passage.text])
    return DocumentResult(
        document=passage.document,
        outcome=final_outcome(context, passage),
        spans=passage.spans,
        text=passage.text,
        tokens_before=before,
        tokens_after=after,
        scoring=passage.scoring,
    )


def result_of(
    context: Context, budget: Budget, sums: Totals, *, chain: str, retrieved: bool
) -> Result:
    """What a chain of that name has made."""
    return Result(
        text=context.text,
        documents=tuple(document_result(context, each, budget) for each in context.originals),
        summaries=tuple(summary_result(each, budget) for each in context.summaries),
        stages=context.trace,
        totals=sums,
        chain=chain,
        context=context,
        retrieved=retrieved,
    )


def summary_result(passage: Passage, budget: Budget) -> SummaryResult:
    return SummaryResult(
        id=passage.document.id,
        text=passage.text,
        sources=passage.document.sources,
        tokens=budget.count(passage.text),
    )


def totals(context: Context, budget: Budget, *, tokens_before: int, elapsed: float) -> Totals:
    text = context.text
    return Totals(
        tokens_before=tokens_before,
        tokens_after=budget.count(text),
        tokenizer=budget.counter.name,
        max_tokens=budget.max_tokens,
        within_budget=budget.fits(text),
        tokens_spent=sum(report.tokens_spent for report in context.trace),
        tokens_reused=sum(report.tokens_reused for report in context.trace),
        queued=current().seconds.queued,
        elapsed=elapsed,
    )
