"""A list of compressors is a compressor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from compressors.budget import Budget, share_of
from compressors.errors import CompressionError, DeadlineExceeded, ModelFailure, Overloaded
from compressors.fitting import fit
from compressors.protocols import Compressor, is_strict
from compressors.values import (
    Context,
    Outcome,
    Passage,
    Seconds,
    StageOutcome,
    StageReport,
    outcome_of,
)
from compressors.work import claimed, current

_PASSED_ON = {
    StageOutcome.FAILED: Outcome.PASSED_THROUGH_ERROR,
    StageOutcome.SKIPPED_DEADLINE: Outcome.PASSED_THROUGH_DEADLINE,
    StageOutcome.SKIPPED_BREAK_EVEN: Outcome.PASSED_THROUGH_BREAK_EVEN,
}


class FailurePolicy(Enum):
    """What a chain does when a stage fails or the deadline comes."""

    PASS_THROUGH = "pass_through"  # noqa: S105 - no password
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AtRate:
    """A compressor that keeps a share of its own input, whatever the budget of the chain."""

    compressor: Compressor
    rate: float

    @property
    def name(self) -> str:
        return self.compressor.name

    @property
    def backend(self) -> str:
        return self.compressor.backend

    @property
    def is_strict(self) -> bool:
        return is_strict(self.compressor)

    def compress(self, context: Context, budget: Budget) -> Context:
        limit = share_of(budget.count(context.text), self.rate)
        return self.compressor.compress(context, budget.limited_to(limit))


def _nobody(_: Context) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Chain:
    """A compressor made of compressors.

    The limit is approached in equal ratios, one for each stage, and is hard at the end. A stage
    that the limit does not need is skipped, unless it is strict. A stage that fails, or comes after
    the deadline, hands on the text that it was given, or ends the request, as ``on_failure`` says.
    ``observe`` sees the context after every stage.
    """

    stages: tuple[Compressor, ...]
    name: str = "custom"
    on_failure: FailurePolicy = FailurePolicy.PASS_THROUGH
    observe: Callable[[Context], None] = _nobody
    backend: str = "chain"

    def compress(self, context: Context, budget: Budget) -> Context:
        with claimed():
            for index, stage in enumerate(self.stages):
                context = self._step(stage, context, budget, len(self.stages) - index)
                self.observe(context)
        if budget.max_tokens is None or _last_outcome(context) in _PASSED_ON:
            return context
        return _reported(fit(context, budget), len(context.notes))

    def passed_by(self, context: Context, budget: Budget, reason: str) -> Context:
        """The context as it is, with the reason why no stage is worth its time in each report."""
        tokens, outcome = budget.count(context.text), StageOutcome.SKIPPED_BREAK_EVEN
        states = tuple((p.document.id, _state(p, outcome)) for p in context.passages)
        reports = tuple(
            StageReport(
                stage.name, stage.backend, outcome, tokens, tokens, Seconds(), states, reason
            )
            for stage in self.stages
        )
        return replace(context, trace=(*context.trace, *reports))

    def _step(self, stage: Compressor, context: Context, budget: Budget, left: int) -> Context:
        work, start = current(), time.perf_counter()
        before, tokens = work.seconds, budget.count(context.text)
        spent, reused, notes = work.tokens_spent, work.tokens_reused, len(work.notes)
        result, outcome, detail = self._run(stage, context, budget, tokens, left)
        report = StageReport(
            stage=stage.name,
            backend=stage.backend,
            outcome=outcome,
            tokens_in=tokens,
            tokens_out=tokens if result is context else budget.count(result.text),
            seconds=_difference(before, work.seconds, time.perf_counter() - start),
            outcomes=tuple((p.document.id, _state(p, outcome)) for p in result.passages),
            detail="; ".join(filter(None, [detail, *work.notes[notes:]])),
            tokens_spent=work.tokens_spent - spent,
            tokens_reused=work.tokens_reused - reused,
        )
        return replace(result, trace=(*result.trace, report))

    def _run(
        self, stage: Compressor, context: Context, budget: Budget, tokens: int, left: int
    ) -> tuple[Context, StageOutcome, str]:
        is_within = budget.max_tokens is not None and tokens <= budget.max_tokens
        if is_within and not is_strict(stage):
            return context, StageOutcome.SKIPPED_BUDGET, "already within the budget"
        try:
            current().check()
            result = stage.compress(context, _step_budget(budget, tokens, left))
        except DeadlineExceeded as error:
            return self._passed_on(context, StageOutcome.SKIPPED_DEADLINE, error)
        except (ModelFailure, Overloaded) as error:
            return self._passed_on(context, StageOutcome.FAILED, error)
        detail = "; ".join(result.notes[len(context.notes) :])
        if result.passages == context.passages:
            return result, StageOutcome.SKIPPED_INPUT, detail or "nothing to do"
        return result, StageOutcome.RAN, detail

    def _passed_on(
        self, context: Context, outcome: StageOutcome, error: CompressionError
    ) -> tuple[Context, StageOutcome, str]:
        if self.on_failure is FailurePolicy.ERROR:
            raise error
        return context, outcome, type(error).__name__


def _step_budget(budget: Budget, tokens: int, left: int) -> Budget:
    # Equal ratios: with 2 stages left and 1,000 tokens on the way to 250, the first one gets 500.
    if budget.max_tokens is None or left == 1:
        return budget
    limit = round(tokens * (budget.max_tokens / tokens) ** (1 / left))
    return budget.limited_to(max(limit, budget.max_tokens))


def _reported(context: Context, notes: int) -> Context:
    """The context with its later notes in the report of the last stage, for lack of their own."""
    if len(context.notes) == notes or not context.trace:
        return context
    *earlier, last = context.trace
    detail = "; ".join(filter(None, [last.detail, *context.notes[notes:]]))
    return replace(context, trace=(*earlier, replace(last, detail=detail)))


def _difference(before: Seconds, after: Seconds, elapsed: float) -> Seconds:
    return Seconds(
        after.queued - before.queued,
        after.tokenizing - before.tokenizing,
        after.computing - before.computing,
        elapsed,
    )


def _state(passage: Passage, outcome: StageOutcome) -> Outcome:
    return _PASSED_ON.get(outcome, outcome_of(passage)) if passage.spans else outcome_of(passage)


def _last_outcome(context: Context) -> StageOutcome:
    done = (StageOutcome.RAN, *_PASSED_ON)
    ended = [report.outcome for report in context.trace if report.outcome in done]
    return ended[-1] if ended else StageOutcome.SKIPPED_BUDGET


def final_outcome(context: Context, passage: Passage) -> Outcome:
    """What became of a document in the end, by the last stage that ran or should have run."""
    return _state(passage, _last_outcome(context))
