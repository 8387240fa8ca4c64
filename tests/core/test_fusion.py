from __future__ import annotations

import math

import pytest

from compressors import Pieces
from compressors.fusion import Fusion, evidence, lexical_shares, sigmoid
from compressors.mentions import mentions

DOCUMENTS = [
    Pieces("The Louvre is in Paris. It is large.", ((0, 24), (24, 36)), "Museums"),
    Pieces("Berlin has museums.", ((0, 19),), "Berlin"),
]


def test_shares_of_the_best_lexical_match_of_the_request() -> None:
    shares = lexical_shares("Where is the Louvre?", DOCUMENTS)

    assert [len(row) for row in shares] == [2, 1]
    assert max(max(row) for row in shares) == shares[0][0] == 1.0
    assert shares[1][0] == 0.0


def test_a_request_without_any_match_has_no_lexical_evidence() -> None:
    assert lexical_shares("xyzzy", DOCUMENTS) == [[0.0, 0.0], [0.0]]


def test_a_document_lends_its_evidence_to_its_sentences() -> None:
    rows = evidence("Where is the Louvre?", DOCUMENTS, [[0.0, 2.0], [-1.0]])

    assert [one.document for row in rows for one in row] == [2.0, 2.0, -1.0]
    assert [one.neural for row in rows for one in row] == [0.0, 2.0, -1.0]


def test_a_document_that_a_good_sentence_names_is_linked() -> None:
    documents = [
        Pieces("It was built by Ilse Marwitz. It is green.", ((0, 30), (30, 42)), "Orrin Bridge"),
        Pieces("She taught at Brannick.", ((0, 23),), "Ilse Marwitz (architect)"),
    ]

    rows = evidence("q", documents, [[3.0, 0.0], [-2.0]])

    assert rows[1][0].linked == pytest.approx(sigmoid(3.0))
    assert rows[0][0].linking == pytest.approx(sigmoid(-2.0))
    assert rows[0][1].linking == rows[0][0].linked == 0.0


def test_a_document_does_not_link_itself() -> None:
    documents = [Pieces("Paris is large.", ((0, 15),), "Paris")] * 2

    assert list(mentions(documents)) == []


def test_the_model_alone_gives_the_sigmoid_of_its_logit() -> None:
    rows = Fusion().probabilities("q", DOCUMENTS, [[0.0, 2.0], [-1.0]])

    assert rows[0] == pytest.approx([0.5, 1 / (1 + math.exp(-2))])
    assert rows[1] == pytest.approx([1 / (1 + math.exp(1))])


def test_stays_a_probability_for_any_logit() -> None:
    assert Fusion().probabilities("q", DOCUMENTS, [[1e9, -1e9], [0.0]])[0] == pytest.approx(
        [1.0, 0.0], abs=1e-12
    )
