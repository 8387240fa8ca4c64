"""Every model behind the engine, several requests at once: the same results as without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from compressors.engine import Engine
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.seq2seq import Seq2SeqSummarizer
from compressors.models.token_classifier import TokenClassifier
from compressors.protocols import Pieces
from compressors.values import Document, Passage
from compressors.words import word_ranges
from compressors.work import Work
from tests.models import models_made_here, taught
from tests.models.texts import DOCUMENTS, QUERY, Words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = Words()


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def test_sentences_have_the_same_scores(gemma: Path, engine: Engine) -> None:
    alone = CausalLmScorer.load(str(gemma), device="cpu").score(QUERY, DOCUMENTS)
    shared = CausalLmScorer.load(
        str(gemma), device="cpu", wrap=partial(engine.wrap, name="causal-lm")
    )

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: shared.score(QUERY, DOCUMENTS), range(8)))

    for scores in found:
        for row, own in zip(scores, alone, strict=True):
            assert row == pytest.approx(own, abs=1e-5)


def test_words_have_the_same_scores(tmp_path: Path, engine: Engine) -> None:
    folder = str(models_made_here.classifier("xlm-roberta", tmp_path))
    pieces = [Pieces(text, tuple(word_ranges(text))) for text in (taught.MUSEUM, taught.RIVER)]
    alone = TokenClassifier.load(folder, device="cpu").score(pieces)
    shared = TokenClassifier.load(
        folder, device="cpu", wrap=partial(engine.wrap, name="classifier")
    )

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: shared.score(pieces), range(8)))

    for scores in found:
        for row, own in zip(scores, alone, strict=True):
            assert row == pytest.approx(own, abs=1e-5)


def test_summaries_are_the_same(tmp_path: Path, engine: Engine) -> None:
    folder = str(taught.t5(tmp_path))
    passages = [Passage.whole(Document(str(n), text)) for n, text in enumerate(taught.SUMMARIES)]
    budgets = [WORDS.budget(n) for n in (6, 10, 12)]
    alone = Seq2SeqSummarizer.load(folder, device="cpu", gate=None)
    shared = Seq2SeqSummarizer.load(
        folder, device="cpu", wrap=partial(engine.wrap, name="seq2seq"), gate=None
    )
    tasks = [(passage, budget) for passage in passages for budget in budgets]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda task: shared.summarize("", [task[0]], task[1]), tasks))

    assert found == [alone.summarize("", [passage], budget) for passage, budget in tasks]


def test_time_is_on_the_account_of_the_request(gemma: Path, engine: Engine) -> None:
    shared = CausalLmScorer.load(
        str(gemma), device="cpu", wrap=partial(engine.wrap, name="causal-lm")
    )
    with Work().active() as with_engine:
        shared.score(QUERY, DOCUMENTS)
    with Work().active() as without:
        CausalLmScorer.load(str(gemma), device="cpu").score(QUERY, DOCUMENTS)

    assert with_engine.seconds.computing > 0
    assert with_engine.seconds.tokenizing > 0
    assert without.seconds.computing > 0
    assert without.seconds.tokenizing > 0
