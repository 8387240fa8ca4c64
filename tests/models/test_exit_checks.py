"""E15 and E16 of spec/exit.md 1.7: who shares batches, what ends a request, and what is EXIT."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from compressors.engine import BatchReport, Engine
from compressors.errors import Cancelled, ModelFailure
from compressors.exit import Exit
from compressors.models.batches import SmallBatches
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.embedded import EmbeddedModel
from compressors.models.exit.branches import Branched
from compressors.models.exit.forward import Answer
from compressors.work import Work
from service.models import CAUSAL_LM, EMBEDDED
from tests.models.texts import DOCUMENTS, QUERY, Split, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compressors.protocols import Encoded, Forward


class Recording:
    """A ``Forward`` in place of a model: says Yes to all, and keeps what it was given."""

    def __init__(self, _: Forward) -> None:
        self.batches: list[list[Branched]] = []

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[tuple[Answer, ...]]:
        rows = [row for row in batch if isinstance(row, Branched)]
        self.batches.append(rows)
        return [(Answer(2.0, 0.0, mass=1.0),) * len(row.branches) for row in rows]


def test_e15_documents_of_several_requests_share_batches_of_like_length(gemma: Path) -> None:
    """While the first request has the device, the others wait, and then go together."""
    reports: list[BatchReport] = []
    begun, go = threading.Event(), threading.Event()

    class Gate(Recording):
        def __call__(self, batch: Sequence[Encoded]) -> Sequence[tuple[Answer, ...]]:
            begun.set()
            go.wait()
            return super().__call__(batch)

    with Engine(observe=reports.append) as engine, ThreadPoolExecutor(8) as pool:
        scorer = CausalLmScorer.load(
            str(gemma), device="cpu", wrap=lambda f: engine.wrap(Gate(f), name="exit")
        )
        first = pool.submit(in_a_request, scorer)
        begun.wait()
        others = [pool.submit(in_a_request, scorer) for _ in range(6)]
        while sum(model.queued_items for model in engine.stats().models) < 6:
            pass
        go.set()
        for future in (first, *others):
            assert future.result() == [[Answer(2.0, 0.0).score]]

    assert [(report.items, report.requests) for report in reports] == [(1, 1), (6, 6)]


def in_a_request(scorer: CausalLmScorer) -> Sequence[Sequence[float]]:
    with Work().active():
        return scorer.score(QUERY, [pieces("It opened.")])


def test_e15_a_request_that_is_cancelled_ends_between_batches(gemma: Path) -> None:
    work = Work()
    made: list[Recording] = []

    class Cancelling(Recording):
        def __init__(self, forward: Forward) -> None:
            super().__init__(forward)
            made.append(self)

        def __call__(self, batch: Sequence[Encoded]) -> Sequence[tuple[Answer, ...]]:
            work.cancel()
            return super().__call__(batch)

    scorer = CausalLmScorer.load(
        str(gemma), device="cpu", wrap=lambda f: SmallBatches(Cancelling(f), max_tokens=1)
    )
    with pytest.raises(Cancelled), work.active():
        scorer.score(QUERY, DOCUMENTS)

    assert [len(batch) for batch in made[0].batches] == [1]


def test_e15_a_document_that_breaks_the_model_breaks_no_other_request(gemma: Path) -> None:
    """The engine halves a batch that fails until the row is alone."""

    class Breaking(Recording):
        def __call__(self, batch: Sequence[Encoded]) -> Sequence[tuple[Answer, ...]]:
            if any(isinstance(row, Branched) and len(row.branches) > 1 for row in batch):
                raise RuntimeError("not that one")
            return super().__call__(batch)

    with Engine() as engine, ThreadPoolExecutor(8) as pool:
        scorer = CausalLmScorer.load(
            str(gemma), device="cpu", wrap=lambda f: engine.wrap(Breaking(f), name="exit")
        )
        bad = pool.submit(scorer.score, QUERY, [pieces("It opened. It closed.")])
        good = [pool.submit(in_a_request, scorer) for _ in range(6)]

        with pytest.raises(ModelFailure, match="exit failed on a row"):
            bad.result()
        for future in good:
            assert future.result() == [[Answer(2.0, 0.0).score]]


def test_e16_any_decoder_serves_the_papers_prompt_under_the_papers_name(causal_model: Path) -> None:
    """Smaller backbones: the template and the score are the same, whatever the family."""
    scorer = CausalLmScorer.load(str(causal_model), device="cpu")

    stage = Exit(scorer, Split(), backend=scorer.backend)

    assert (stage.name, stage.backend) == ("exit", "causal-lm")


def test_e16_a_model_of_one_pass_is_served_under_a_name_of_its_own() -> None:
    """A cross-encoder over marked sentences is no longer EXIT's classifier, and not called so."""
    sentences = EmbeddedModel.load(device="cpu").sentences

    (row,) = sentences.score(QUERY, [pieces("It opened in 1793. It is old.")])

    assert len(row) == 2
    assert CausalLmScorer.backend == CAUSAL_LM != EMBEDDED
