"""Leave-one-out with the real MiniLM: what the ranking means, and that it beats chance."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from compressors.budget import Budget, share_of
from compressors.leave_one_out import units_of, worths
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.segmentation import RuleSegmenter
from compressors.selection import ORDINARY
from compressors.tcra_semantic import TcraSemantic, keep_best_words
from compressors.values import Context, Document, Passage

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


def test_is_the_same_one_by_one_and_in_a_batch(encoder: MiniLmEncoder) -> None:
    units = units_of(Passage.whole(Document("1", TEXT)), RuleSegmenter(), 64)

    together = worths(encoder, units)
    alone = [row for unit in units for row in worths(encoder, [unit])]

    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not SQUAD.exists(), reason="the shared data is not here")
def test_keeps_more_meaning_and_more_answers_than_random_deletion(encoder: MiniLmEncoder) -> None:
    with gzip.open(SQUAD, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][:200:10]
    counter = MiniLmCounter()
    stage = TcraSemantic(encoder, RuleSegmenter(), "minilm")

    ours, chance = [], []
    for row in rows:
        gold = next(d for d in row["documents"] if d["is_gold"])
        context = Context.of(row["query"], [Document("1", gold["text"])])
        limited = Budget(counter, share_of(Budget(counter).count(context.text), 0.5))
        units = {0: units_of(context.passages[0], RuleSegmenter(), 64)}
        candidates, _ = stage.candidates(context, units)
        best = keep_best_words(context, candidates, limited).text
        ours.append(_quality(row, gold["text"], best, encoder))
        for seed in range(5):
            rng = random.Random(seed)  # noqa: S311 - not for secrets
            shuffled = [replace(c, rank=ORDINARY, score=rng.random()) for c in candidates]
            some = keep_best_words(context, shuffled, limited).text
            chance.append(_quality(row, gold["text"], some, encoder))

    assert fmean(cosine for cosine, _ in ours) > fmean(cosine for cosine, _ in chance) + 0.03
    assert fmean(kept for _, kept in ours) > fmean(kept for _, kept in chance) + 0.05


def _quality(
    row: dict[str, list[str]], original: str, text: str, encoder: MiniLmEncoder
) -> tuple[float, bool]:
    def plain(words: str) -> str:
        return " ".join(re.findall(r"\w+", words.lower()))

    vectors = encoder.encode([original, text])
    has_answer = any(plain(answer) in plain(text) for answer in row["answers"])
    return float(vectors[0] @ vectors[1]), has_answer
