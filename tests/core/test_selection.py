from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import InvalidInput
from compressors.fitting import fit
from compressors.selection import PREFERRED, PROTECTED, Candidate, inside, select
from compressors.values import Context, Span
from tests.core.words_on_hand import budget, context

TEXTS = ("One two three. Four five.", "Six. Seven eight nine ten.")
SENTENCES = [
    Candidate(0, 0, 15, 0.2),
    Candidate(0, 15, 25, 0.9),
    Candidate(1, 0, 5, 0.6),
    Candidate(1, 5, 26, 0.8),
]


def keep(max_tokens: int | None, candidates: list[Candidate] = SENTENCES) -> Context:
    return select(context("q", *TEXTS), candidates, budget(max_tokens), threshold=0.7)


def test_shares_one_budget_over_all_documents_by_score() -> None:
    assert keep(7).text == "Four five.\n\nSix. Seven eight nine ten."


def test_goes_on_to_shorter_ones_when_a_long_one_does_not_fit() -> None:
    assert keep(3).text == "Four five.\n\nSix."


def test_keeps_what_passes_the_threshold_without_a_budget() -> None:
    assert keep(None).text == "Four five.\n\nSeven eight nine ten."


def test_keeps_a_part_of_the_best_rather_than_nothing() -> None:
    assert keep(1).text == "Six."
    assert keep(1, [SENTENCES[1]]).text == "Four"


def test_keeps_nothing_where_the_caller_allows_it() -> None:
    empty = Context.of("q", [p.document for p in context("q", *TEXTS).passages], allow_empty=True)

    assert select(empty, [SENTENCES[0]], budget(), threshold=0.7).text == ""


def test_keeps_protected_text_first() -> None:
    protected = Candidate(0, 0, 15, 0.0, PROTECTED)

    assert keep(4, [protected, *SENTENCES[1:]]).text == "One two three.\n\nSix."


def test_refuses_protected_text_that_does_not_fit() -> None:
    with pytest.raises(InvalidInput, match="protected_texts: do not fit into 2 tokens"):
        keep(2, [Candidate(0, 0, 15, 0.0, PROTECTED)])


def test_takes_preferred_ones_before_better_ones() -> None:
    preferred = Candidate(0, 0, 15, 0.0, PREFERRED)

    assert keep(3, [preferred, *SENTENCES[1:]]).text == "One two three."


def test_fits_by_the_scores_that_spans_have() -> None:
    spare = keep(None, [Candidate(0, 0, 15, 0.9), Candidate(1, 5, 26, 0.8)])

    assert fit(spare, budget(4)).text == "One two three."
    assert fit(spare, budget(7)) is spare


def test_cuts_ranges_to_what_is_still_kept() -> None:
    assert inside([(0, 5), (5, 9), (9, 20)], [Span(3, 7), Span(10, 12)]) == [
        (3, 5),
        (5, 7),
        (10, 12),
    ]


@given(
    texts=st.lists(st.text("ab. \n", max_size=40), min_size=1, max_size=4),
    scores=st.lists(st.floats(0, 1), min_size=60, max_size=60),
    limit=st.integers(1, 30),
)
def test_never_exceeds_the_budget(texts: list[str], scores: list[float], limit: int) -> None:
    given_ = context("q", *texts)
    pairs = [(i, j) for i, text in enumerate(texts) for j in range(0, len(text), 7)]
    candidates = [
        Candidate(i, j, min(j + 7, len(texts[i])), score)
        for (i, j), score in zip(pairs, scores, strict=False)
    ]

    kept = select(given_, candidates, budget(limit), threshold=0.5)

    assert budget(limit).fits(kept.text)
    if any(text.strip() for text in texts):
        assert kept.text
