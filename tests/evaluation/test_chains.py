"""A chain as a method, on a model whose answers are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from compressors import Encoded, ModelFailure
from condensery import (
    Client,
    Compression,
    CondenseryError,
    Document,
    DocumentResult,
    Outcome,
    Span,
    Summary,
    Totals,
)
from condensery import Source as Origin
from evaluation.chains import ChainMethod, kept
from evaluation.values import Example, Kept, Source
from tests.client.opening import local, model, opened, opening
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap

__all__ = ["local", "model", "opened", "opening"]

EXAMPLE = Example("1", QUERY, ("Paris",), (Source("Cats", CATS), Source("Museums", LOUVRE)))
SENTENCE = Kept(1, "The Louvre is in Paris.", ((0, 23),))
"""Three of the query's four words are in it."""


@pytest.fixture
def method(local: Client) -> ChainMethod:
    return ChainMethod.of(local, "default", tokenizer="words")


def test_leaves_spans_of_the_documents_by_their_places(method: ChainMethod) -> None:
    tight, loose = method.shorten(EXAMPLE, [5, 100])

    assert tight == (SENTENCE,)
    assert loose == (Kept(0, CATS, ((0, len(CATS)),)), Kept(1, LOUVRE, ((0, len(LOUVRE)),)))


def test_thresholds_choose_without_a_budget(method: ChainMethod) -> None:
    all_of_it, half, nothing = method.at_thresholds(EXAMPLE, [0.0, 0.5, 0.9])

    assert [one.document for one in all_of_it] == [0, 1]
    assert half == (SENTENCE,)
    # Something of the best document stays, for the caller did not say that nothing may.
    assert nothing == (SENTENCE,)


def test_with_thresholds_the_other_stages_of_a_chain_do_their_work(local: Client) -> None:
    fine = ChainMethod.of(local, "fine", tokenizer="words")
    # Fewer words would be spared.
    long = f"The Louvre is {'so ' * 30}internationally-renowned"
    example = Example("1", QUERY, (), (Source("", CATS), Source("", long)))

    (left,) = fine.at_thresholds(example, [0.5])

    # Words count by their length there.
    assert left == (Kept(1, "internationally-renowned", ((104, 128),)),)


def test_a_chain_without_the_stage_exit_has_no_thresholds(local: Client) -> None:
    words = ChainMethod(local, "words", ("llmlingua2",), "words")

    with pytest.raises(ValueError, match="exit"):
        words.at_thresholds(EXAMPLE, [0.5])


@pytest.mark.parametrize(("chain", "tokenizer"), [("none", "words"), ("fine", "none")])
def test_what_the_server_lacks_is_refused_at_once(
    local: Client, chain: str, tokenizer: str
) -> None:
    with pytest.raises(ValueError, match=r"none.*(fine|words)"):
        ChainMethod.of(local, chain, tokenizer=tokenizer)


class Broken(Overlap):
    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        raise ModelFailure("broken")


class TestOfABrokenModel:
    @pytest.fixture
    def model(self) -> Overlap:
        return Broken()

    def test_a_failure_is_no_result(self, method: ChainMethod) -> None:
        with pytest.raises(CondenseryError):
            method.shorten(EXAMPLE, [5])


def test_what_is_written_is_left_of_the_first_document_that_it_was_written_from() -> None:
    whole = DocumentResult("0", Outcome.KEPT_WHOLE, (Span(0, 2),), "ab", 1, 1, Document("0", "ab"))
    gone = DocumentResult("1", Outcome.SUMMARIZED, (), "", 1, 0, Document("1", "cd"))
    part = DocumentResult("2", Outcome.COMPRESSED, (Span(1, 2),), "f", 1, 1, Document("2", "ef"))
    last = Origin("2", 0, 2), Origin("1", 0, 2)
    result = Compression(
        text="ab\n\nS\n\nT\n\nf",
        documents=(whole, gone, part),
        summaries=(Summary("s1", "S", last, 1), Summary("s2", "T", (Origin("2", 0, 1),), 1)),
        stages=(),
        totals=Totals(3, 4, "words", None, within_budget=True, tokens_spent=0, elapsed=0.0),
        chain="crag",
    )

    left = kept(result)

    assert left == (Kept(0, "ab", ((0, 2),)), Kept(1, "S", None), Kept(2, "T\n\nf", None))
