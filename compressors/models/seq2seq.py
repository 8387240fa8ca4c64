"""Summaries by an encoder-decoder model, such as the fine-tuned mT5 of TCRA-LLM.

Source: arXiv 2310.15556. Its models write at one rate each, without being told. Which one says
``task_specific_params.summarization.tuned_rate`` in a model's ``config.json``, where T5 has its
prefix too. A model that was not tuned does more harm than random deletion would, says the paper; so
each has to pass a gate when it is loaded, and the guard refuses the worst of what it writes later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from compressors.budget import Budget, share_of
from compressors.errors import CompressionError, ModelFailure, Unavailable
from compressors.guards import accepted, limit_of, sources_of, without_fragment
from compressors.models.batches import SmallBatches, padded
from compressors.models.gate import Reads, must_beat_chance
from compressors.models.loading import Placement, longest_input, pretrained
from compressors.models.parts import Part, Splitter
from compressors.models.tokenization import ThreadTokenizers
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Encoded, Forward, Summarizer, Summary
from compressors.values import Passage, assemble
from compressors.work import current

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedModel

WINDOW: Final = 512
"""Tokens that are read at once where a model names no limit; (m)T5 was trained with so many."""
_LEAST: Final = 48
"""Tokens of a part's summary, below which no sentence would have room."""
_ROUNDS: Final = 4
_PER_CHARACTER: Final = 0.8
"""Tokens for a character, above which a vocabulary spells a script rather than knows it."""
_LOG: Final = logging.getLogger(__name__)


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


class Gate(Protocol):
    """Raises ``Unavailable`` if a summarizer should not serve; see ``gate.must_beat_chance``."""

    def __call__(
        self, summarizer: Summarizer, /, *, rate: float | None, reads: Reads
    ) -> object: ...


class Seq2SeqSummarizer:
    """A ``Summarizer`` that writes with a model of its own kind; it does not read the query.

    A model with a ``tuned_rate`` aims at that share of its source, whatever the budget; one without
    at the budget. What is above the budget is cut at the end of a sentence. What is longer than the
    model's limit is split between sentences, each part summarized, and the summaries again if they
    are still too long together. Raises ``ModelFailure`` where the guard refuses the text, or a
    budget has no room for a sentence. Thread-safe.
    """

    def __init__(
        self,
        forward: Forward,
        splitter: Splitter,
        *,
        name: str,
        longest_output: int,
        tuned_rate: float | None = None,
    ) -> None:
        self.name = name
        self.tuned_rate = tuned_rate
        self._forward = forward
        self._splitter = splitter
        self._longest_output = longest_output

    @classmethod
    def load(  # noqa: PLR0913 - what operators may say of a model, and where it runs
        cls,
        model: str,
        *,
        beams: int | None = None,
        prefix: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        wrap: Callable[[Forward], Forward] = SmallBatches,
        gate: Gate | None = must_beat_chance,
    ) -> Seq2SeqSummarizer:
        """A model by name or path. Raises ``NotFound`` or ``Unavailable``.

        ``beams`` and ``prefix``, what goes in front of a text, are the model's own by default. The
        gate is passed before ``wrap`` is called, so that no engine needs to run yet; ``None`` lets
        any model serve, and a warning is logged.
        """
        from transformers import AutoModelForSeq2SeqLM

        placement = Placement.of(device, dtype)
        vocabulary = Vocabulary.load(model)
        loaded = pretrained(model, AutoModelForSeq2SeqLM, placement)
        tasks = getattr(loaded.config, "task_specific_params", None) or {}
        task = tasks.get("summarization", {})
        own = str(task.get("prefix", ""))
        rate = _tuned_rate(model, task.get("tuned_rate"))
        known = [limit for limit in (longest_input(loaded), vocabulary.limit) if limit is not None]
        longest = min(known, default=WINDOW)
        splitter = Splitter(vocabulary, own if prefix is None else prefix, longest)
        generation = Generation(loaded, vocabulary.padding, beams)

        def with_forward(forward: Forward) -> Seq2SeqSummarizer:
            name = f"seq2seq:{model}"
            return cls(forward, splitter, name=name, longest_output=longest, tuned_rate=rate)

        if gate is None:
            _LOG.warning("%s serves without having to beat random deletion", model)
        else:
            gate(with_forward(SmallBatches(generation)), rate=rate, reads=_reading(vocabulary))
        return with_forward(wrap(generation))

    def summarize(self, query: str, passages: Sequence[Passage], budget: Budget) -> Summary:
        spent = 0
        try:
            text, ended = assemble(passages), True
            limit = self._limit(passages, budget)
            for _ in range(_ROUNDS):
                draft = self._round(text, limit, budget)
                text, ended, spent = draft.text, draft.ended, spent + draft.tokens
                # A summary of one part is cut rather than summarized: it is no collection.
                if draft.parts == 1 or not text or budget.limited_to(limit).fits(text):
                    break
            kept = accepted(text, passages, budget.limited_to(limit), ended=ended)
        except CompressionError:
            # Nobody else can tell of it: there is no summary that it could stand in.
            current().spend_tokens(spent)
            raise
        return Summary(kept, sources_of(passages), spent)

    def _limit(self, passages: Sequence[Passage], budget: Budget) -> int:
        if self.tuned_rate is not None and budget.max_tokens is None:
            return share_of(budget.count(assemble(passages)), self.tuned_rate)
        return limit_of(passages, budget)

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
        # A tuned model writes as much as it was taught to, and less room would only cut it off.
        share = share if self.tuned_rate is None else self.tuned_rate * part.tokens / ratio
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


def _tuned_rate(model: str, stated: object) -> float | None:
    if stated is None:
        return None
    if isinstance(stated, int | float) and not isinstance(stated, bool) and 0.0 < stated <= 1.0:
        return float(stated)
    raise Unavailable(f"model {model} states a tuned_rate that is none: {stated!r:.40}")


def _reading(vocabulary: Vocabulary) -> Reads:
    tokenizers = ThreadTokenizers(vocabulary.tokenizer)

    def reads(text: str) -> bool:
        ids = tokenizers.encode([text])[0].ids
        return vocabulary.unknown not in ids and len(ids) <= _PER_CHARACTER * len(text)

    return reads
