"""Leave-one-out with the real MiniLM: what the ranking means, and that it beats chance."""

from __future__ import annotations

import gzip
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import pytest

from compressors.budget import Budget, share_of
from compressors.deletion import RandomSentences, RandomWords
from compressors.engine import Engine
from compressors.extractive import ExtractiveSummarizer
from compressors.leave_one_out import Unit, units_of, worths
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.one_pass import one_pass_worths
from compressors.segmentation import RuleSegmenter
from compressors.tcra_semantic import Mode, TcraSemantic
from compressors.tcra_summary import TcraSummary
from compressors.values import Context, Document, Passage

if TYPE_CHECKING:
    from compressors.protocols import Compressor

DATA = Path(os.environ.get("CONDENSERY_DATA", Path(__file__).parents[3] / "shared/data"))
SQUAD = DATA / "squad/rag_10docs_dev.jsonl.gz"
TEXT = "The old lighthouse on the island was destroyed by a storm. It had been built of granite."


@pytest.fixture(scope="module")
def encoder() -> MiniLmEncoder:
    return MiniLmEncoder.load()


def test_words_that_carry_the_meaning_are_worth_more(encoder: MiniLmEncoder) -> None:
    units = units_of(Passage.whole(Document("1", TEXT)), RuleSegmenter(), 64)

    found = worths(encoder, units)

    by_word = {
        TEXT[slice(*word)]: worth
        for unit, row in zip(units, found, strict=True)
        for word, worth in zip(unit.words, row, strict=True)
    }
    light = [by_word[word] for word in ("The", "the", "on", "was", "by", "a", "had", "been", "of")]
    heavy = [by_word[word] for word in ("lighthouse", "storm", "destroyed", "granite")]
    assert min(heavy) > max(light)


def test_t4_many_callers_that_share_batches_get_what_each_gets_alone(
    encoder: MiniLmEncoder,
) -> None:
    texts = [TEXT, "Nobody saw the lamp until it went out.", "Pumps moved 30 tons of wet sand."]
    units = [units_of(Passage.whole(Document("1", text)), RuleSegmenter(), 64) for text in texts]

    def both(encoder: MiniLmEncoder, own: list[Unit]) -> list[list[float]]:
        return [*worths(encoder, own), *one_pass_worths(encoder, own)]

    alone = [both(encoder, own) for own in units]
    with Engine() as engine, ThreadPoolExecutor(6) as pool:
        shared = MiniLmEncoder.load(wrap=partial(engine.wrap, name="minilm"))
        together = list(pool.map(partial(both, shared), [*units, *units]))

    for rows, wanted in zip(together, [*alone, *alone], strict=True):
        for one, other in zip(rows, wanted, strict=True):
            assert one == pytest.approx(other, abs=1e-4)


def test_one_reading_ranks_words_much_as_many_readings_do(encoder: MiniLmEncoder) -> None:
    units = units_of(Passage.whole(Document("1", TEXT)), RuleSegmenter(), 64)

    exact, fast = worths(encoder, units), one_pass_worths(encoder, units)

    for one, other in zip(exact, fast, strict=True):
        assert np.corrcoef(np.argsort(np.argsort(one)), np.argsort(np.argsort(other)))[0, 1] > 0.6


@pytest.mark.slow
@pytest.mark.skipif(not SQUAD.exists(), reason="the shared data is not here")
def test_t6_keeps_more_meaning_and_more_answers_than_random_deletion(
    encoder: MiniLmEncoder,
) -> None:
    with gzip.open(SQUAD, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:200:10]
    counter, segmenter = MiniLmCounter(), RuleSegmenter()
    exact = TcraSemantic(encoder, segmenter, "minilm")
    ways: dict[str, list[Compressor]] = {
        "exact": [exact],
        "fast": [replace(exact, mode=Mode.FAST)],
        "summary": [TcraSummary(ExtractiveSummarizer(encoder, segmenter), "minilm")],
        "words": [RandomWords(seed) for seed in range(5)],
        "words, as summary": [RandomWords(seed) for seed in range(5)],
        "sentences": [RandomSentences(seed, segmenter) for seed in range(5)],
    }

    cosine: dict[str, float] = {}
    kept: dict[str, float] = {}
    for way, stages in ways.items():
        found = []
        for row in rows:
            gold = next(d for d in row["documents"] if d["is_gold"])
            context = Context.of(row["query"], [Document("1", gold["text"])])
            limited = Budget(counter, share_of(Budget(counter).count(context.text), 0.5))
            if way == "words, as summary":
                (summary,) = ways["summary"]
                limited = limited.limited_to(limited.count(summary.compress(context, limited).text))
            texts = [stage.compress(context, limited).text for stage in stages]
            found += [_quality(row, gold["text"], text, encoder) for text in texts]
        cosine[way] = fmean(one for one, _ in found)
        kept[way] = fmean(one for _, one in found)

    for way, chance in (("exact", "words"), ("fast", "words"), ("summary", "words, as summary")):
        assert cosine[way] > cosine[chance]
        assert kept[way] > kept[chance] + 0.05
    assert kept["summary"] > kept["sentences"] + 0.05


def _quality(
    row: dict[str, list[str]], original: str, text: str, encoder: MiniLmEncoder
) -> tuple[float, bool]:
    def plain(words: str) -> str:
        return " ".join(re.findall(r"\w+", words.lower()))

    vectors = encoder.encode([original, text])
    has_answer = any(plain(answer) in plain(text) for answer in row["answers"])
    return float(vectors[0] @ vectors[1]), has_answer
