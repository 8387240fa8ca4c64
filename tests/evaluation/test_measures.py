"""What is left of examples whose measures can be worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.measures import Outcome, measured
from evaluation.values import Example, Kept, Range, Shortened, Source

FERRY = Source("Ferry", "Sails at dawn. Full of goats.", is_gold=True, support=((0, 14), (15, 29)))
GOATS = Source("Goats", "Goats eat. Dawn is early.", support=((0, 10),))
EXAMPLE = Example("q", "when?", ("dawn",), (FERRY, GOATS))
ALL: Shortened = (Kept(0, FERRY.text, ((0, 29),)), Kept(1, GOATS.text, ((0, 25),)))


def outcome(
    shortened: Shortened,
    example: Example = EXAMPLE,
    *,
    before: int = 10,
    after: int = 4,
    prediction: str | None = None,
) -> Outcome:
    return measured(
        example, shortened, before=before, after=after, seconds=0.5, prediction=prediction
    )


def spans(document: int, *parts: Range) -> Kept:
    text = EXAMPLE.documents[document].text
    return Kept(document, " ".join(text[start:end] for start, end in parts), parts)


def test_carries_over_what_it_is_told() -> None:
    found = outcome(ALL, before=12, after=11)

    assert (found.id, found.tokens_before, found.tokens_after) == ("q", 12, 11)
    assert found.seconds == 0.5


def test_recall_is_the_share_of_support_that_is_kept_by_more_than_half() -> None:
    # "Sails at" is 7 of the 12 letters of the first; "Full" is 4 of the 12 of the second.
    found = outcome((spans(0, (0, 8), (15, 19)), spans(1, (0, 10))))

    assert found.recall == pytest.approx(2 / 3)


def test_half_of_a_support_is_not_enough() -> None:
    example = Example("q", "when?", (), (Source("", "ab cd", support=((0, 5),)),))

    assert outcome((Kept(0, "ab", ((0, 2),)),), example).recall == 0
    assert outcome((Kept(0, "ab c", ((0, 4),)),), example).recall == 1


def test_precision_is_the_share_of_what_is_kept_that_is_support() -> None:
    # Of "Sails at dawn." all 12 letters count, of "Dawn is early." none of the 12.
    found = outcome((spans(0, (0, 14)), spans(1, (11, 25))))

    assert found.precision == pytest.approx(1 / 2)


def test_without_support_or_spans_there_is_neither_recall_nor_precision() -> None:
    example = Example("q", "when?", ("dawn",), (Source("", "At dawn."),))

    no_support = outcome((Kept(0, "At dawn.", ((0, 8),)),), example)
    no_spans = outcome((spans(0, (0, 14)), Kept(1, "Goats", None)))

    assert (no_support.recall, no_support.precision, no_support.answered) == (None, None, True)
    assert (no_spans.recall, no_spans.precision, no_spans.answered) == (None, None, True)


def test_answered_is_whether_a_kept_text_still_has_an_answer() -> None:
    assert outcome((spans(0, (15, 29)), spans(1, (11, 25)))).answered is True
    assert outcome((spans(0, (15, 29)),)).answered is False
    assert outcome(()).answered is False


def test_an_answer_does_not_reach_from_one_document_into_the_next() -> None:
    example = Example("q", "when?", ("at dawn",), (Source("", "Look at"), Source("", "dawn!")))

    found = outcome((Kept(0, "Look at", ((0, 7),)), Kept(1, "dawn!", ((0, 5),))), example)

    assert found.answered is False


def test_without_answers_only_the_support_is_measured() -> None:
    example = Example("q", "when?", (), (FERRY,))

    found = outcome((spans(0, (0, 14)),), example, prediction="dawn")

    assert (found.answered, found.em, found.f1, found.recall) == (None, None, None, 0.5)


def test_the_reader_is_measured_where_there_is_one() -> None:
    without, right, near = (
        outcome(ALL, prediction=said) for said in (None, "Dawn.", "dawn on Monday")
    )

    assert (without.em, without.f1) == (None, None)
    assert (right.em, right.f1) == (1, 1)
    assert (near.em, near.f1) == (0, 1 / 2)


def test_nothing_kept_is_empty_and_has_no_precision() -> None:
    found = outcome((), after=0)

    assert found.empty
    assert (found.recall, found.precision) == (0, None)
    assert outcome((Kept(0, " ", ((14, 15),)),), after=0).empty
    assert not outcome((), before=0, after=0).empty
    assert not outcome(ALL).empty


def test_more_tokens_than_before_are_longer() -> None:
    assert outcome(ALL, before=10, after=11).longer
    assert not outcome(ALL, before=10, after=10).longer


@pytest.mark.parametrize(
    "shortened",
    [
        (Kept(2, "x", None),),
        (Kept(-1, "x", None),),
        (spans(1, (0, 5)), spans(0, (0, 5))),
        (spans(0, (0, 5)), spans(0, (6, 8))),
        (Kept(0, "x", ((0, 30),)),),
        (Kept(0, "x", ((5, 5),)),),
        (Kept(0, "x", ((0, 5), (4, 6))),),
    ],
)
def test_refuses_what_cannot_be_left_of_the_example(shortened: Shortened) -> None:
    with pytest.raises(ValueError, match=r"^q: document"):
        outcome(shortened)


@st.composite
def cut(draw: st.DrawFn) -> tuple[Example, Shortened]:
    """An example, and spans of its documents."""
    sources, shortened = [], []
    for at in range(draw(st.integers(1, 3))):
        text = draw(st.text("ab \n", min_size=1, max_size=20).filter(str.strip))
        kept = draw(ranges(text))
        sources.append(Source("", text, support=draw(ranges(text))))
        if kept:
            shortened.append(Kept(at, " ".join(text[a:b] for a, b in kept), kept))
    return Example("q", "?", ("a",), tuple(sources)), tuple(shortened)


def ranges(text: str) -> st.SearchStrategy[tuple[Range, ...]]:
    """Sorted and disjoint, none of white space alone."""
    edges = st.lists(st.integers(0, len(text)), max_size=6, unique=True).map(sorted)
    return edges.map(
        lambda ends: tuple(
            (start, end)
            for start, end in zip(ends[::2], ends[1::2], strict=False)
            if text[start:end].strip()
        )
    )


@given(cut())
def test_every_share_is_a_share(given_: tuple[Example, Shortened]) -> None:
    example, shortened = given_

    found = outcome(shortened, example)

    has_support = any(source.support for source in example.documents)
    assert (found.recall is not None) == has_support
    assert (found.precision is not None) == (has_support and bool(shortened))
    assert 0 <= (found.recall or 0) <= 1
    assert 0 <= (found.precision or 0) <= 1


@given(cut())
def test_who_keeps_all_loses_nothing(given_: tuple[Example, Shortened]) -> None:
    example, _ = given_
    everything = tuple(
        Kept(at, one.text, ((0, len(one.text)),)) for at, one in enumerate(example.documents)
    )

    assert outcome(everything, example).recall in {1.0, None}


@given(cut())
def test_who_keeps_the_support_alone_is_precise_and_complete(
    given_: tuple[Example, Shortened],
) -> None:
    example, _ = given_
    needed = tuple(
        Kept(at, " ".join(one.text[a:b] for a, b in one.support), one.support)
        for at, one in enumerate(example.documents)
        if one.support
    )

    found = outcome(needed, example)

    assert (found.recall, found.precision) == ((1, 1) if needed else (None, None))
