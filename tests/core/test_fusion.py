from __future__ import annotations

import math

import pytest

from compressors import Pieces
from compressors.fusion import Fusion, evidence, lexical_shares

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


def test_neighbours_and_documents_lend_their_evidence() -> None:
    _, _, best, beside = evidence([1.0, -2.0, 3.0], [0.0, 0.0, 0.0])

    assert best == [3.0, 3.0, 3.0]
    assert beside == [-2.0, 3.0, -2.0]
    assert evidence([1.5], [0.0])[3] == [1.5]


def test_the_model_alone_gives_the_sigmoid_of_its_logit() -> None:
    rows = Fusion().probabilities("q", DOCUMENTS, [[0.0, 2.0], [-1.0]])

    assert rows[0] == pytest.approx([0.5, 1 / (1 + math.exp(-2))])
    assert rows[1] == pytest.approx([1 / (1 + math.exp(1))])


def test_stays_a_probability_for_any_logit() -> None:
    assert Fusion().probabilities("q", DOCUMENTS, [[1e9, -1e9], [0.0]])[0] == pytest.approx(
        [1.0, 0.0], abs=1e-12
    )
