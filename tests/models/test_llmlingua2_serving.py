"""B7 to B10 of spec/llmlingua2.md 2.9: how mode span runs, better than the package does."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
import torch

from compressors.chain import AtRate, Chain
from compressors.errors import Cancelled
from compressors.exit import Exit
from compressors.llmlingua2 import Llmlingua2
from compressors.models.batches import SmallBatches
from compressors.models.token_classifier import Checkpoint
from compressors.protocols import Encoded
from compressors.segmentation import RuleSegmenter
from compressors.values import Outcome
from compressors.work import Work
from tests.core.words_on_hand import OverlapScorer
from tests.models import models_made_here
from tests.models.span_mode import (
    BUDGET,
    TEXTS,
    compressed,
    context,
    is_subsequence,
    staged,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def test_b7_each_token_is_read_once_in_batches_of_like_rows(checkpoint: Checkpoint) -> None:
    """L2, L20: the package pads every row to 512, and reads twice where it filters documents."""
    batches: list[Sequence[Encoded]] = []
    forward = checkpoint.forward()

    def run(batch: Sequence[Encoded]) -> Sequence[Any]:
        batches.append(batch)
        return forward(batch)

    texts = [" ".join(["museum"] * count) for count in (3, 200, 5, 40, 190, 60, 9, 45)]

    compressed(staged(checkpoint, SmallBatches(run, max_tokens=256)), 20, *texts)

    rows = sorted(len(row) for batch in batches for row in batch)
    assert rows == sorted(len(text.split()) + 2 for text in texts)
    assert sum(max(map(len, batch)) * len(batch) for batch in batches) < 1.3 * sum(rows)


def test_b7_half_precision_gives_probabilities_in_single_precision(tmp_path: Path) -> None:
    """L15: with bfloat16 the package fails."""
    folder = models_made_here.classifier("bert", tmp_path)
    half = Checkpoint.load(str(folder), device="cpu", dtype="bfloat16").forward()
    full = Checkpoint.load(str(folder), device="cpu", dtype="float32").forward()
    row = Encoded((2, 10, 20, 30, 40, 3))

    assert half([row])[0].dtype == np.float32
    assert half([row])[0] == pytest.approx(full([row])[0], abs=0.1)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u0007\u0007", "\U0001f9ed" * 9, "[UNK]", "." * 9000]
)
@pytest.mark.parametrize("limit", [None, 1, 30])
def test_b8_nothing_breaks_on_strange_documents(
    stage: Llmlingua2, text: str, limit: int | None
) -> None:
    """L14: the package raises ZeroDivisionError and IndexError."""
    result = compressed(stage, limit, text)

    assert is_subsequence(result.text, text)
    assert bool(result.text) == bool(text.strip())


def test_b8_counts_are_true_where_nothing_is_left(stage: Llmlingua2) -> None:
    """L26: the package calls this a rate of 100.0%."""
    strict = Llmlingua2(stage.scorer, "checkpoint", threshold=1.0, min_words=0)

    result = Chain((strict,)).compress(context(TEXTS[0], allow_empty=True), BUDGET())

    (report,) = result.trace
    assert (report.tokens_out, result.text) == (0, "")
    assert report.outcomes == (("0", Outcome.DROPPED),)


def test_b9_loading_needs_no_network_and_no_code_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L17, L18."""
    folder = models_made_here.classifier("bert", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForTokenClassification": "code.Own"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")

    def refused(*_: object) -> NoReturn:
        raise AssertionError("somebody wants the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    state = torch.random.get_rng_state()

    Checkpoint.load(str(folder), device="cpu")

    assert not (tmp_path / "ran").exists()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_b9_threads_may_share_a_stage(stage: Llmlingua2) -> None:
    """L25."""
    wanted = [compressed(stage, limit, *TEXTS).text for limit in range(1, 9)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda limit: compressed(stage, limit, *TEXTS).text, range(1, 9)))

    assert found == wanted


def test_b9_a_cancelled_request_reads_no_further(checkpoint: Checkpoint) -> None:
    work = Work()
    read: list[Encoded] = []

    def run(batch: Sequence[Encoded]) -> Sequence[Any]:
        read.extend(batch)
        work.cancel()
        return [np.zeros(len(row), dtype=np.float32) for row in batch]

    model = staged(checkpoint, SmallBatches(run, max_tokens=1))

    with work.active(), pytest.raises(Cancelled):
        compressed(model, 5, *TEXTS)
    assert len(read) == 1


def test_b9_spans_say_where_and_how_much(stage: Llmlingua2) -> None:
    result = compressed(stage, 12, *TEXTS)

    spans = [span for passage in result.passages for span in passage.spans]
    assert len(spans) > 2
    assert len({span.score for span in spans}) > 1
    assert all(0.0 <= span.score <= 1.0 for span in spans)


def test_b10_after_exit_words_are_of_the_sentences_that_it_kept(stage: Llmlingua2) -> None:
    exit_ = Exit(OverlapScorer(), RuleSegmenter(), "overlap", threshold=0.1)
    given_ = context(*TEXTS, query="museum Paris found")
    sentences = exit_.compress(given_, BUDGET())

    result = Chain((exit_, AtRate(stage, 0.5))).compress(given_, BUDGET())

    assert [p.document.id for p in result.passages] == [p.document.id for p in given_.passages]
    assert 0 < BUDGET().count(result.text) <= 0.5 * BUDGET().count(sentences.text)
    for passage, kept in zip(result.passages, sentences.passages, strict=True):
        inside = {i for span in kept.spans for i in range(span.start, span.end)}
        assert all(i in inside for span in passage.spans for i in range(span.start, span.end))


def test_b10_documents_of_few_words_are_spared(checkpoint: Checkpoint) -> None:
    model = staged(checkpoint, checkpoint.forward(), min_words=6)

    result = compressed(model, 14, "Entry is free now.", *TEXTS)

    assert result.passages[0].text == "Entry is free now."
    assert BUDGET().count(result.text) <= 14
