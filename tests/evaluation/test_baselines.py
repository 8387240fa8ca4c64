"""Laws of every method that needs no other package, and what each of them keeps."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from compressors.models.minilm import MiniLmCounter
from evaluation.baselines import NAMES, baselines
from evaluation.baselines.pieces import beginning, shortened, size, wholes
from evaluation.values import Example, Kept, Method, Shortened, Source
from tests.evaluation.baseline_examples import BRIDGE, BUDGETS, ODD, laws

OWN = (
    "lead",
    "lead-sentences",
    "random",
    "random-words",
    "bm25",
    "cosine",
    "documents",
)
COUNTER = MiniLmCounter()


class Methods:
    """Those of ``OWN`` by name, made once: one of them loads a model."""

    def __init__(self) -> None:
        self._own = dict(zip(OWN, baselines(OWN, COUNTER), strict=True))

    def named(self, name: str) -> Method:
        return self._own[name]

    def kept(self, name: str, example: Example, budget: int) -> Shortened:
        (found,) = self._own[name].shorten(example, [budget])
        return found


@pytest.fixture(scope="module")
def methods() -> Methods:
    return Methods()


def texts(result: Shortened) -> list[str]:
    return [kept.text for kept in result]


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("example", [BRIDGE, ODD], ids=["plain", "odd"])
def test_keeps_the_laws_of_a_method(name: str, example: Example, methods: Methods) -> None:
    laws(methods.named(name), example, COUNTER)


@pytest.mark.parametrize("name", OWN)
def test_keeps_all_where_all_fits(name: str, methods: Methods) -> None:
    whole = shortened(BRIDGE, wholes(BRIDGE))

    assert texts(methods.kept(name, BRIDGE, size(whole, COUNTER))) == texts(whole)


def test_says_which_names_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="no method first-word; there are lead, lead-sentences"):
        baselines(["lead", "first-word"], COUNTER)


def test_makes_the_methods_in_the_order_of_their_names() -> None:
    found = baselines(["bm25", "lead"], COUNTER)

    assert [one.name for one in found] == ["bm25", "lead"]
    assert set(OWN) < set(NAMES)


def test_lead_ends_within_a_document_between_two_words(methods: Methods) -> None:
    assert texts(methods.kept("lead", BRIDGE, 12)) == [
        "The Holm bridge was built in 1911. It is made of"
    ]


def test_lead_sentences_takes_the_first_of_every_document_first(methods: Methods) -> None:
    assert texts(methods.kept("lead-sentences", BRIDGE, 20)) == [
        "The Holm bridge was built in 1911.",
        "Trams ran over the river until 1950.",
    ]


def test_random_differs_between_examples_only(methods: Methods) -> None:
    other = Example("another", BRIDGE.query, BRIDGE.answers, BRIDGE.documents)
    found = [methods.kept("random", one, 30) for one in (BRIDGE, BRIDGE, other)]

    assert found[0] == found[1]
    assert found[1] != found[2]


def test_random_words_leaves_parts_of_sentences(methods: Methods) -> None:
    (first, *_) = methods.kept("random-words", BRIDGE, 20)

    assert first.spans is not None
    assert all(" " not in BRIDGE.documents[0].text[start:end] for start, end in first.spans)


def test_bm25_finds_the_words_of_the_query_in_title_and_sentence(methods: Methods) -> None:
    query = Example("q", "drivers of trams", (), BRIDGE.documents)

    assert texts(methods.kept("bm25", query, 9)) == ["Their drivers wore red."]


def test_cosine_finds_another_word_for_it(methods: Methods) -> None:
    query = Example("q", "What is the span constructed from?", (), BRIDGE.documents)

    assert texts(methods.kept("cosine", query, 9)) == ["It is made of granite."]


def test_documents_are_kept_whole_or_not_at_all(methods: Methods) -> None:
    tram = BRIDGE.documents[1]
    query = Example("q", "When did trams run?", (), BRIDGE.documents)

    assert texts(methods.kept("documents", query, COUNTER.count([tram.text])[0] + 5)) == [tram.text]


def test_documents_cut_the_best_one_where_it_does_not_fit(methods: Methods) -> None:
    query = Example("q", "When did trams run?", (), BRIDGE.documents)

    assert texts(methods.kept("documents", query, 5)) == ["Trams ran over the river"]


@pytest.mark.parametrize(
    ("text", "budget", "wanted"),
    [
        ("Trams, buses.", 1, ["Trams"]),
        ("antidisestablishmentarianism", 2, []),
        ("世界你好", 2, ["世界"]),
        ("  ", 5, []),
    ],
)
def test_a_text_is_cut_behind_a_word_that_fits(
    text: str, budget: int, wanted: Sequence[str]
) -> None:
    example = Example("q", "", (), (Source("", text),))
    found = beginning(example, Kept(0, text, ((0, len(text)),)), COUNTER, budget)

    assert texts(found) == wanted


def test_budgets_are_counted_by_the_given_counter() -> None:
    class Characters:
        name = "characters"

        def count(self, texts: Sequence[str]) -> list[int]:
            return [len(text) for text in texts]

        def starts(self, text: str) -> list[int]:
            return list(range(len(text)))

    for one in baselines(["lead", "bm25", "random-words"], Characters()):
        for budget, result in zip(BUDGETS, one.shorten(BRIDGE, BUDGETS), strict=True):
            assert size(result, Characters()) <= budget
