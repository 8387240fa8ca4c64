"""Whether an answer is the right one, and what else may become of a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from condensery.v1 import compression_pb2 as pb


class End(Enum):
    """What became of a request."""

    GOOD = "good"
    """Answered in time, with the text that an idle server gives."""
    WRONG = "wrong"
    """Answered with another text, or another span."""
    CUT = "cut short"
    """Answered with the best so far, and marked so: the deadline came first."""
    REFUSED = "refused"
    """Told at once that there is no room, and when to come again."""
    LATE = "late"
    """Not answered before its deadline."""
    FAILED = "failed"
    """Anything else."""


_CUT: Final = frozenset({pb.OUTCOME_PASSED_THROUGH_DEADLINE})
_FAILED: Final = frozenset({pb.OUTCOME_PASSED_THROUGH_ERROR})


@dataclass(frozen=True, slots=True)
class Parts:
    """Where a server says that the time of a request went, in seconds."""

    queued: float
    """For a thread, for its turn, or for the device."""
    tokenizing: float
    computing: float
    """The share of batches that ran."""
    elapsed: float
    """From admission to the result."""

    @classmethod
    def of(cls, answer: pb.CompressResponse) -> Parts:
        stages = answer.stages
        return cls(
            _seconds(answer.totals.queued.ToTimedelta()),
            _seconds(sum((stage.tokenizing.ToTimedelta() for stage in stages), timedelta())),
            _seconds(sum((stage.computing.ToTimedelta() for stage in stages), timedelta())),
            _seconds(answer.totals.elapsed.ToTimedelta()),
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What an idle server answered: the text, and the spans and scores of each document."""

    text: str
    spans: tuple[tuple[int, int, int], ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, answer: pb.CompressResponse) -> Expected:
        spans = [(i, span) for i, one in enumerate(answer.documents) for span in one.spans]
        return cls(
            answer.text,
            tuple((index, span.start, span.end) for index, span in spans),
            tuple(span.score for _, span in spans),
        )

    def gap(self, other: Expected) -> float:
        """The largest difference of a score, of two answers with the same spans."""
        pairs = zip(self.scores, other.scores, strict=True)
        return max((abs(one - two) for one, two in pairs), default=0.0)


def judged(
    sent: pb.CompressRequest, answer: pb.CompressResponse, expected: Expected | None
) -> tuple[End, float]:
    """What an answer is worth, and by how much its scores differ from those expected.

    Where nothing is expected, it must at least be made of slices of what was sent.
    """
    outcomes = {one.outcome for one in answer.documents}
    if outcomes & _FAILED:
        return End.FAILED, 0.0
    if outcomes & _CUT:
        return End.CUT, 0.0
    found = Expected.of(answer)
    if expected is None:
        return (End.GOOD if _is_of(sent, found) else End.WRONG), 0.0
    if (found.text, found.spans) != (expected.text, expected.spans):
        return End.WRONG, 0.0
    return End.GOOD, found.gap(expected)


def _is_of(sent: pb.CompressRequest, found: Expected) -> bool:
    texts = [document.text for document in sent.documents]
    return bool(found.text) and all(
        start < end <= len(texts[index]) and texts[index][start:end].strip() in found.text
        for index, start, end in found.spans
    )


def _seconds(time: timedelta) -> float:
    return time.total_seconds()
