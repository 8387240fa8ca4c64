"""Every answer is looked at: a wrong one is called wrong, a short one short."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.load.answers import End, Expected, judged
from condensery.v1 import compression_pb2 as pb

TEXT = "The Louvre is in Paris. Cats sleep a lot."
SENT = pb.CompressRequest(query="Where?", documents=[pb.Document(id="1", text=TEXT)])


def answer(start: int = 0, end: int = 23, score: float = 0.9) -> pb.CompressResponse:
    span = pb.Span(start=start, end=end, score=score)
    text = TEXT[start:end]
    document = pb.DocumentResult(
        id="1", outcome=pb.OUTCOME_COMPRESSED, spans=[span], text=text, tokens_before=10
    )
    return pb.CompressResponse(text=text, documents=[document])


def changed(change: Callable[[pb.CompressResponse], object]) -> pb.CompressResponse:
    made = answer()
    change(made)
    return made


def test_the_same_answer_is_good() -> None:
    assert judged(SENT, answer(), Expected.of(answer())) == (End.GOOD, 0.0)


def test_a_difference_of_scores_is_told_and_is_not_wrong() -> None:
    end, gap = judged(SENT, answer(score=0.875), Expected.of(answer(score=0.75)))

    assert (end, gap) == (End.GOOD, 0.125)


@pytest.mark.parametrize(
    "found",
    [
        answer(24, 41),
        answer(0, 22),
        changed(lambda made: setattr(made, "text", "The Louvre is in Rome.")),
        changed(lambda made: made.documents[0].ClearField("spans")),
        pb.CompressResponse(),
    ],
    ids=["another sentence", "another end", "another text", "no span", "nothing"],
)
def test_another_answer_is_wrong(found: pb.CompressResponse) -> None:
    assert judged(SENT, found, Expected.of(answer()))[0] is End.WRONG


def test_without_a_reference_a_text_that_was_not_sent_is_wrong() -> None:
    invented = changed(lambda made: setattr(made, "text", "The Louvre is in Rome."))

    assert judged(SENT, answer(), None)[0] is End.GOOD
    assert judged(SENT, invented, None)[0] is End.WRONG
    assert judged(SENT, answer(0, 400), None)[0] is End.WRONG


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (pb.OUTCOME_PASSED_THROUGH_DEADLINE, End.CUT),
        (pb.OUTCOME_PASSED_THROUGH_ERROR, End.FAILED),
    ],
)
def test_what_was_passed_through_is_not_good(outcome: pb.Outcome, end: End) -> None:
    found = changed(lambda made: setattr(made.documents[0], "outcome", outcome))

    assert judged(SENT, found, Expected.of(answer()))[0] is end
