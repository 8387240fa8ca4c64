"""Ask a summarizer for several summaries at once, and accept only those that hold."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

from compressors.budget import Budget
from compressors.claims import invention
from compressors.errors import ModelFailure, Overloaded, Unavailable
from compressors.protocols import Summarizer, Summary
from compressors.values import Passage, assemble
from compressors.work import current

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Task:
    """Passages to be summarized in at most so many tokens."""

    passages: tuple[Passage, ...]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no summary; never a text."""

    reason: str


def summaries(
    summarizer: Summarizer, query: str, tasks: Sequence[Task], budget: Budget
) -> list[Summary | Refused]:
    """One summary, or the reason for none, for each task, in order; several are made at once.

    What the summarizers spent is added to the account of the current work, for refused summaries
    too. Raises whatever is no failure of the summarizer: ``Cancelled``, ``DeadlineExceeded``.
    """

    def one(task: Task) -> Summary | Refused:
        current().check()
        limited = budget.limited_to(task.max_tokens)
        try:
            summary = summarizer.summarize(query, task.passages, limited)
        except (ModelFailure, Overloaded, Unavailable) as error:
            # Errors of this project say what was wrong, and never a text.
            return Refused(str(error))
        current().spend_tokens(summary.tokens_spent)
        reason = objection(summary.text, task.passages, limited)
        return Refused(reason) if reason else summary

    if len(tasks) < 2:  # noqa: PLR2004 - a thread for a single one gains nothing
        return [one(task) for task in tasks]
    # Each thread gets a copy of this one's context variables, and with them the current work.
    with ThreadPoolExecutor(min(_AT_ONCE, len(tasks))) as pool:
        futures = [pool.submit(copy_context().run, one, task) for task in tasks]
        return [future.result() for future in futures]


def objection(summary: str, passages: Sequence[Passage], budget: Budget) -> str:
    """What speaks against a summary of these passages; empty if nothing does.

    It must have text, fit the budget, be no longer than what it was written from, repeat itself no
    more than that does, be in its language, and hold no number, date or name that it does not.
    """
    source = assemble(passages)
    if not summary.strip():
        return "blank"
    if not budget.fits(summary):
        return "over its budget"
    if budget.count(summary) > budget.count(source):
        return "longer than its source"
    known = "\n".join([source, *(passage.document.title for passage in passages)])
    return invention(summary, known)


def apportion(
    total: int, weights: Sequence[int], limits: Sequence[int], *, floor: int = 0
) -> list[int]:
    """Whole shares of ``total``: ``floor`` each where it goes round, the rest by weight, not 0.

    No share is above its limit; what one cannot use goes to the others. Rounding is by largest
    remainder. The sum is ``total``, or that of the limits if these are lower.
    """
    if not weights:
        return []
    least = min(floor, total // len(weights))
    shares = [min(least, limit) for limit in limits]
    while (left := total - sum(shares)) > 0:
        hungry = [index for index, limit in enumerate(limits) if shares[index] < limit]
        if not hungry:
            break
        parts = _by_weight(left, [weights[index] for index in hungry])
        for index, part in zip(hungry, parts, strict=True):
            shares[index] += min(part, limits[index] - shares[index])
    return shares


def _by_weight(total: int, weights: Sequence[int]) -> list[int]:
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    # Exact in integers: the remainder of each division says who comes next.
    order = sorted(range(len(weights)), key=lambda index: -(total * weights[index] % whole))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts
