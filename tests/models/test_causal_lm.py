"""EXIT by a causal language model, against transformers code that is plain and slow."""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from transformers import AutoModelForCausalLM, AutoTokenizer

from compressors.errors import Unavailable
from compressors.exit import Exit
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.exit.branches import Branched
from compressors.models.exit.forward import Answer, mass_of
from compressors.models.exit.overflow import Overflow
from compressors.protocols import Encoded, Pieces
from compressors.values import Context, Document
from tests.models import models_made_here
from tests.models.texts import DOCUMENTS, QUERY, Split, Words, pieces, prompt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from compressors.protocols import Forward


def naive(folder: Path, query: str, documents: Sequence[Pieces]) -> list[list[float]]:
    """One sentence at a time, the whole head, softmax over Yes and No."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    yes, no = (tokenizer.encode(word, add_special_tokens=False)[0] for word in ("Yes", "No"))
    scores = []
    for document in documents:
        row = []
        for start, end in document.ranges:
            prompt = prompt_of(query, document, document.text[start:end].strip())
            with torch.no_grad():
                logits = model(**tokenizer(prompt, return_tensors="pt")).logits[0, -1]
            row.append(float(logits[[yes, no]].float().softmax(0)[0]))
        scores.append(row)
    return scores


def test_e10_scores_are_those_of_plain_transformers_code(causal_model: Path) -> None:
    """One prefix a document, steps and tiles: the spec's bound is 2e-6."""
    scores = CausalLmScorer.load(str(causal_model), device="cpu").score(QUERY, DOCUMENTS)

    wanted = naive(causal_model, QUERY, DOCUMENTS)
    assert [len(row) for row in scores] == [len(row) for row in wanted]
    for row, own in zip(scores, wanted, strict=True):
        assert max(abs(one - other) for one, other in zip(row, own, strict=True)) < 2e-6
    assert max(map(max, wanted)) - min(map(min, wanted)) > 0.05


def test_e10_scores_do_not_depend_on_the_batch(gemma: Path) -> None:
    alone = CausalLmScorer.load(str(gemma), device="cpu", wrap=one_by_one)
    at_once = CausalLmScorer.load(str(gemma), device="cpu", wrap=lambda forward: forward)

    single, batched = alone.score(QUERY, DOCUMENTS), at_once.score(QUERY, DOCUMENTS)

    for row, own in zip(single, batched, strict=True):
        assert row == pytest.approx(own, abs=1e-5)


def one_by_one(forward: Forward) -> Forward:
    def run(batch: Sequence[Encoded]) -> Sequence[Any]:
        return [forward([row])[0] for row in batch]

    return run


@pytest.mark.parametrize(
    ("yes", "no", "score"),
    [(0, 0, 0.5), (2, 0, 0.880797), (-1, 1, 0.119203), (1000, 990, 0.9999546), (-1e4, 1e4, 0)],
)
def test_e6_score_is_the_sigmoid_of_the_difference(yes: float, no: float, score: float) -> None:
    """With logits for which an exponential would overflow."""
    assert Answer(yes, no).score == pytest.approx(score, abs=1e-6)


def test_e3_a_logit_that_is_no_number_gives_no_score() -> None:
    """What is not in [0, 1] must not pass for a score."""
    assert math.isnan(Answer(math.nan, 0.0).score)


def test_e7_measures_the_probability_of_either_answer() -> None:
    """Two of twelve equal logits are a sixth."""
    assert mass_of(torch.zeros(12), (0, 1)) == pytest.approx(1 / 6)


def test_e7_warns_once_of_a_model_that_says_neither(
    gemma: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Random weights spread over the whole vocabulary; the log holds no text."""
    scorer = CausalLmScorer.load(str(gemma), device="cpu")
    with caplog.at_level(logging.WARNING):
        scorer.score(QUERY, DOCUMENTS)
        scorer.overflowing(Overflow.ERROR).score(QUERY, DOCUMENTS)

    (record,) = caplog.records
    assert "not calibrated" in record.getMessage()
    assert "Louvre" not in record.getMessage()


def test_e7_does_not_warn_of_a_model_that_says_either(
    gemma: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def sure(_: Forward) -> Forward:
        return lambda batch: [(Answer(3.0, 1.0, mass=0.9),) * branches(row) for row in batch]

    scorer = CausalLmScorer.load(str(gemma), device="cpu", wrap=sure)
    with caplog.at_level(logging.WARNING):
        scorer.score(QUERY, DOCUMENTS)

    assert not caplog.records


def branches(row: Encoded) -> int:
    assert isinstance(row, Branched)
    return len(row.branches)


class NoLargeHead(TorchFunctionMode):
    """Remembers the shape of every tensor that is computed and has the size of the vocabulary."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.shapes: list[tuple[int, ...]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and self.vocabulary in result.shape:
            self.shapes.append(tuple(result.shape))
        return result


def test_e11_only_two_rows_of_the_head_are_used(gemma: Path, scorer: CausalLmScorer) -> None:
    """No tensor of vocabulary times length; one position a batch measures the mass."""
    vocabulary = len(AutoTokenizer.from_pretrained(gemma))
    with NoLargeHead(vocabulary) as seen:
        scorer.score(QUERY, DOCUMENTS)

    assert seen.shapes
    assert set(seen.shapes) == {(vocabulary,)}


def test_refuses_a_tokenizer_that_splits_an_answer(tmp_path: Path) -> None:
    """Each answer must be exactly one token; here letters are tokens."""
    folder = models_made_here.causal("qwen", tmp_path, vocabulary=256)

    with pytest.raises(Unavailable, match="'Yes' has 3 tokens, not 1"):
        CausalLmScorer.load(str(folder), device="cpu")


def test_exit_works_with_it(scorer: CausalLmScorer) -> None:
    context = Context.of(QUERY, [Document("a", "It opened. It closed."), Document("b", " ")])
    stage = Exit(scorer, Split(), backend=scorer.backend, threshold=0.0)

    result = stage.compress(context, Words().budget())

    assert result.text == "It opened. It closed."
    assert all(0.0 < span.score < 1.0 for span in result.passages[0].spans)


def test_blank_sentences_score_nothing(scorer: CausalLmScorer) -> None:
    (row,) = scorer.score(QUERY, [Pieces("  \nIt opened.", ((0, 3), (3, 13)))])

    assert row[0] == 0.0
    assert 0.0 < row[1] < 1.0


def test_no_documents_have_no_scores(scorer: CausalLmScorer) -> None:
    assert list(scorer.score(QUERY, [])) == []
    assert list(scorer.score(QUERY, [Pieces("", ())])) == [[]]


def test_threads_get_the_scores_that_one_gets(scorer: CausalLmScorer) -> None:
    wanted = scorer.score(QUERY, DOCUMENTS)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: scorer.score(QUERY, DOCUMENTS), range(24)))

    for scores in found:
        for row, own in zip(scores, wanted, strict=True):
            assert row == pytest.approx(own, abs=1e-6)


def test_a_document_of_several_thousand_sentences_is_scored_in_turns(
    gemma: Path,
) -> None:
    """A row does not grow without end, and rows are given to the model before all are made."""
    calls: list[list[int]] = []

    def counting(_: Forward) -> Forward:
        def run(batch: Sequence[Encoded]) -> Sequence[tuple[Answer, ...]]:
            calls.append([len(row) for row in batch])
            return [(Answer(1.0, 3.0),) * branches(row) for row in batch]

        return run

    scorer = CausalLmScorer.load(str(gemma), device="cpu", wrap=counting)
    document = pieces("".join(f"Number {number}. " for number in range(2000)))

    (scores,) = scorer.score(QUERY, [document])

    assert len(scores) == len(document.ranges) == 2000
    assert set(scores) == {Answer(1.0, 3.0).score}
    assert len(calls) > 1
    assert max(map(max, calls)) < 2**14 + 512
    assert max(map(sum, calls)) < 2**16 + 2**14
