"""Let a summarizer serve only if it does better than deleting words by lot (check T6).

Source: arXiv 2310.15556, whose mT5 was below random deletion before it was tuned. Two figures
decide, on texts of our own: how many answers are left, and how near the embedding stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from compressors.budget import Budget, share_of
from compressors.deletion import RandomWords
from compressors.errors import ModelFailure, Unavailable
from compressors.lexical import words
from compressors.models.batches import SmallBatches
from compressors.models.gate_passages import TRIALS, Trial
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.protocols import Encoder, Summarizer
from compressors.values import Context, Document, Passage

SEEDS: Final = (0, 1, 2, 3, 4)
_RATE: Final = 0.5
"""What a model is judged at that does not say what it was tuned for."""
_LOG: Final = logging.getLogger(__name__)

Reads = Callable[[str], bool]
"""Whether a model knows the script of a text; without, its language is not asked for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a summarizer kept of all trials, and what random deletion did: means in [0, 1].

    ``recall`` is of answers, ``cosine`` of embeddings to those of the originals. A refused summary
    keeps nothing. ``achieved`` is the rate of the others, where ``rate`` was asked for.
    """

    rate: float
    trials: int
    refused: int
    achieved: float
    recall: float
    chance_recall: float
    cosine: float
    chance_cosine: float

    @property
    def passed(self) -> bool:
        return self.recall > self.chance_recall and self.cosine > self.chance_cosine

    def __str__(self) -> str:
        return (
            f"answers kept {self.recall:.3f} (random deletion {self.chance_recall:.3f}), cosine"
            f" {self.cosine:.3f} ({self.chance_cosine:.3f}) at rate {self.rate:.2f}, achieved"
            f" {self.achieved:.2f}, {self.refused} of {self.trials} summaries refused"
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of one text."""

    recall: float
    cosine: float
    rate: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges summarizers by the texts of ``trials``."""

    encoder: Encoder
    budget: Budget
    trials: Sequence[Trial] = TRIALS

    @classmethod
    def load(cls) -> Gate:
        """With all-MiniLM-L6-v2 on the CPU. Raises ``Unavailable``."""
        return cls(MiniLmEncoder.load(wrap=SmallBatches), Budget(MiniLmCounter()))

    def verdict(self, summarizer: Summarizer, *, rate: float, reads: Reads) -> Verdict:
        """Summaries at ``rate`` against random deletion at that rate, with five seeds.

        Texts in a script that the model does not read are left out, but not the English ones.
        """
        trials = [one for one in self.trials if one.language == "en" or reads(one.text)]
        ours: list[Kept | None] = []
        chance: list[Kept] = []
        for trial in trials:
            passage = Passage.whole(Document("1", trial.text))
            limited = self.budget.limited_to(share_of(self.budget.count(trial.text), rate))
            written = _written(summarizer, passage, limited)
            context = Context("", (passage,))
            lots = [RandomWords(seed).compress(context, limited).text for seed in SEEDS]
            first, *rest = self._kept(trial, [written or trial.text, *lots])
            ours.append(first if written else None)
            chance += rest
        answered = [one for one in ours if one is not None]
        return Verdict(
            rate=rate,
            trials=len(trials),
            refused=len(trials) - len(answered),
            achieved=fmean(one.rate for one in answered) if answered else 0.0,
            recall=sum(one.recall for one in answered) / len(trials),
            chance_recall=fmean(one.recall for one in chance),
            cosine=sum(one.cosine for one in answered) / len(trials),
            chance_cosine=fmean(one.cosine for one in chance),
        )

    def _kept(self, trial: Trial, texts: Sequence[str]) -> list[Kept]:
        vectors = self.encoder.encode([trial.text, *texts])
        whole = self.budget.count(trial.text)
        return [
            Kept(
                fmean(_holds(text, answer) for answer in trial.answers),
                float(vector @ vectors[0]),
                self.budget.count(text) / whole,
            )
            for text, vector in zip(texts, vectors[1:], strict=True)
        ]


def must_beat_chance(summarizer: Summarizer, *, rate: float | None, reads: Reads) -> Verdict:
    """The verdict on a summarizer at the rate that it was tuned for, .5 if that is not known.

    Raises ``Unavailable`` with the figures if random deletion does better.
    """
    verdict = Gate.load().verdict(summarizer, rate=rate or _RATE, reads=reads)
    if not verdict.passed:
        raise Unavailable(f"{summarizer.name} does not beat random deletion: {verdict}")
    _LOG.info("%s beats random deletion: %s", summarizer.name, verdict)
    return verdict


def _written(summarizer: Summarizer, passage: Passage, budget: Budget) -> str:
    """The summary; empty where it is refused."""
    try:
        return summarizer.summarize("", [passage], budget).text
    except ModelFailure:
        return ""


def _holds(text: str, answer: str) -> bool:
    own, wanted = words(text), words(answer)
    places = range(len(own) - len(wanted) + 1)
    return any(own[place : place + len(wanted)] == wanted for place in places)
