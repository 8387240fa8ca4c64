"""Summaries by an encoder-decoder model, such as the fine-tuned mT5 of TCRA-LLM.

Source: arXiv 2310.15556. A model that was not tuned to summarize does more harm than random
deletion would, says the paper; the guard refuses the worst of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from compressors.budget import Budget
from compressors.errors import CompressionError, ModelFailure
from compressors.guards import accepted, limit_of, sources_of, without_fragment
from compressors.models.batches import SmallBatches, padded
from compressors.models.loading import Placement, longest_input, pretrained
from compressors.models.parts import Part, Splitter
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Encoded, Forward, Summary
from compressors.values import Passage, assemble
from compressors.work import current

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel

WINDOW: Final = 512
"""Tokens that are read at once where a model names no limit; (m)T5 was trained with so many."""
_LEAST: Final = 48
"""Tokens of a part's summary, below which no sentence would have room."""
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Assignment(Encoded):
    """What a model reads, and how many tokens it may write."""

    max_new_tokens: int = 64


@dataclass(frozen=True, slots=True)
class Written:
    """The ids that a model wrote, without special ones, and whether it came to an end."""

    ids: tuple[int, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class _Draft:
    """A text, whether it has an end, tokens read and written for it, and the parts that it had."""

    text: str
    ended: bool
    tokens: int
    parts: int


class Generation:
    """A ``Forward``: what the model writes for each ``Assignment``, greedily or by beam search."""

    def __init__(self, model: PreTrainedModel, padding: int, beams: int | None) -> None:
        self._model: Any = model
        self._padding = padding
        self._device = str(model.device)
        self._config = _deterministic(self._model.generation_config, beams)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Written]:
        results: dict[int, Written] = {}
        limits = [row.max_new_tokens if isinstance(row, Assignment) else 64 for row in batch]
        # Rows with unlike limits apart: beams that are cut later are not those of a lower limit.
        for limit in sorted(set(limits)):
            group = [index for index, own in enumerate(limits) if own == limit]
            written = self._generate([batch[index] for index in group], limit)
            results.update(zip(group, written, strict=True))
        return [results[index] for index in range(len(batch))]

    def _generate(self, rows: Sequence[Encoded], limit: int) -> list[Written]:
        import torch

        ids, mask = padded(rows, self._padding, self._device)
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=self._config,
                max_new_tokens=limit,
            )
        return [self._written(row) for row in output.tolist()]

    def _written(self, row: list[int]) -> Written:
        stops = self._config.eos_token_id
        ends = set(stops if isinstance(stops, list) else [stops])
        # The first id is the one that the decoder was started with.
        end = next((at for at, token in enumerate(row[1:], 1) if token in ends), None)
        return Written(tuple(row[1:end]), ended=end is not None)


def _deterministic(config: GenerationConfig, beams: int | None) -> GenerationConfig:
    """A model's own way to write, without chance and without limits that are not ours."""
    from copy import deepcopy

    own = deepcopy(config)
    own.do_sample = False
    # Sampling's options, and lengths, are neither used nor allowed to contradict.
    for name in ("temperature", "top_p", "top_k", "min_p", "typical_p", "max_length"):
        setattr(own, name, None)
    own.min_length = 0
    own.min_new_tokens = None
    if beams is not None:
        own.num_beams = beams
    return own


class Seq2SeqSummarizer:
    """A ``Summarizer`` that writes with a model of its own kind; it does not read the query.

    What is longer than the model's limit is split between sentences, each part summarized, and the
    summaries again if they are still too long together. Raises ``ModelFailure`` where the guard
    refuses the text. Thread-safe.
    """

    def __init__(
        self, forward: Forward, splitter: Splitter, *, name: str, longest_output: int
    ) -> None:
        self.name = name
        self._forward = forward
        self._splitter = splitter
        self._longest_output = longest_output

    @classmethod
    def load(
        cls,
        model: str,
        *,
        beams: int | None = None,
        prefix: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        wrap: Callable[[Forward], Forward] = SmallBatches,
    ) -> Seq2SeqSummarizer:
        """A model by name or path. Raises ``NotFound`` or ``Unavailable``.

        ``beams`` and ``prefix``, what goes in front of a text, are the model's own by default.
        """
        from transformers import AutoModelForSeq2SeqLM

        placement = Placement.of(device, dtype)
        vocabulary = Vocabulary.load(model)
        loaded = pretrained(model, AutoModelForSeq2SeqLM, placement)
        tasks = getattr(loaded.config, "task_specific_params", None) or {}
        own = str(tasks.get("summarization", {}).get("prefix", ""))
        known = [limit for limit in (longest_input(loaded), vocabulary.limit) if limit is not None]
        longest = min(known, default=WINDOW)
        splitter = Splitter(vocabulary, own if prefix is None else prefix, longest)
        forward = wrap(Generation(loaded, vocabulary.padding, beams))
        return cls(forward, splitter, name=f"seq2seq:{model}", longest_output=longest)

    def summarize(self, query: str, passages: Sequence[Passage], budget: Budget) -> Summary:
        spent = 0
        try:
            text, ended = assemble(passages), True
            limit = limit_of(passages, budget)
            for _ in range(_ROUNDS):
                draft = self._round(text, limit, budget)
                text, ended, spent = draft.text, draft.ended, spent + draft.tokens
                # A summary of one part is cut rather than summarized: it is no collection.
                if draft.parts == 1 or not text or budget.limited_to(limit).fits(text):
                    break
            kept = accepted(text, passages, budget, ended=ended)
        except CompressionError:
            # Nobody else can tell of it: there is no summary that it could stand in.
            current().spend_tokens(spent)
            raise
        return Summary(kept, sources_of(passages), spent)

    def _round(self, text: str, limit: int, budget: Budget) -> _Draft:
        """A shorter text, made in one pass over all parts of a text."""
        current().check()
        parts = self._splitter.parts(text)
        if not parts:
            raise ModelFailure("there is nothing to summarize")
        read = sum(part.tokens for part in parts)
        # The model counts otherwise than the budget does.
        ratio = read / max(1, budget.count(text))
        rows = [self._assignment(part, limit * part.tokens / read, ratio) for part in parts]
        written: Sequence[Written] = self._forward(rows)
        texts = self._splitter.texts([one.ids for one in written])
        spent = sum(len(row) for row in rows) + sum(len(one.ids) for one in written)
        if len(parts) == 1:
            return _Draft(texts[0], written[0].ended, spent, 1)
        return _Draft(_joined(texts, written), ended=True, tokens=spent, parts=len(parts))

    def _assignment(self, part: Part, share: float, ratio: float) -> Assignment:
        wanted = max(share, _LEAST if part.is_one_of_many else 1) * ratio
        # Room for the end of a sentence, and for the token that says that all is said.
        room = min(self._longest_output, round(1.25 * wanted) + 4)
        return Assignment(part.ids, max_new_tokens=room)


def _joined(texts: Sequence[str], written: Sequence[Written]) -> str:
    whole = [
        text if one.ended else without_fragment(text)
        for text, one in zip(texts, written, strict=True)
    ]
    return " ".join(text.strip() for text in whole if text.strip())
