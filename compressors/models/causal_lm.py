"""EXIT's own classifier: a causal language model that answers Yes or No for every sentence.

Source: arXiv 2412.12559. ``google/gemma-2b-it`` with the adapter ``doubleyyh/exit-gemma-2b``, or
any other causal language model.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from compressors.errors import Unavailable
from compressors.models.batches import SmallBatches
from compressors.models.exit.forward import Answer
from compressors.models.exit.overflow import Overflow
from compressors.models.exit.parts import parted
from compressors.models.exit.prompt import END, START, PromptTokenizer
from compressors.models.exit.rows import Asked, Rows
from compressors.models.exit.sharing import forward_of
from compressors.models.loading import Placement, freeze, longest_input, named, pretrained
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Forward, Pieces
from compressors.work import current

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MAX_TOKENS: Final = 4096
"""A document that makes longer prompts overflows, even if the model could read more."""
_TOKENS_AT_ONCE: Final = 2**16
_LEAST_MASS: Final = 0.5
_NOTES: Final = {
    Overflow.WINDOW: "{} of {} sentences read in a window of their document",
    Overflow.HEAD_TAIL: "{} of {} sentences read in the head and the tail of their document",
}

_log = logging.getLogger(__name__)


class CausalLmScorer:
    """A ``SentenceScorer``: one prompt for each sentence, score = sigmoid(yes - no).

    What the prompts of a document share is read once. Blank sentences score 0. Sentences that are
    not read in their whole document are noted in the request's ``Work``. Thread-safe.
    """

    backend: Final = "causal-lm"

    def __init__(
        self, forward: Forward, rows: Rows, *, warned: threading.Event | None = None
    ) -> None:
        """``warned`` is set once a warning of the model is out, for all who share it."""
        self._forward = forward
        self._rows = rows
        self._warned = warned or threading.Event()

    @classmethod
    def load(
        cls,
        model: str,
        *,
        adapter: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        max_tokens: int = MAX_TOKENS,
        wrap: Callable[[Forward], Forward] = SmallBatches,
    ) -> CausalLmScorer:
        """A model, and a LoRA adapter merged into it, by name or path.

        Raises ``NotFound`` or ``Unavailable``, the latter also where Yes or No is not one token or
        the model's head is of an unknown kind.
        """
        from transformers import AutoModelForCausalLM

        placement = Placement.of(device, dtype)
        vocabulary = Vocabulary.load(model, controls=(START, END))
        loaded = pretrained(model, AutoModelForCausalLM, placement)
        if adapter is not None:
            loaded = _adapted(loaded, adapter)
        prompts = PromptTokenizer(vocabulary)
        answers = (_one_token(prompts, "Yes", model), _one_token(prompts, "No", model))
        limits = (longest_input(loaded), vocabulary.limit, max_tokens)
        longest = min(limit for limit in limits if limit is not None)
        forward = forward_of(loaded, answers, vocabulary.padding, name=model, longest=longest)
        return cls(wrap(forward), Rows(prompts, longest, shared=forward.shares))

    def overflowing(self, overflow: Overflow) -> CausalLmScorer:
        """The same model, with this policy for documents that are too long."""
        rows = replace(self._rows, overflow=overflow)
        return CausalLmScorer(self._forward, rows, warned=self._warned)

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        rows = self._rows
        every = [parted(each, rows.tokenizer, rows.max_tokens // 2) for each in documents]
        scores = self._scores(query, [parts.document for parts in every])
        if long := sum(parts.long for parts in every):
            current().note(f"sentences too long for a prompt, read in parts: {long}")
        return [
            parts.joined(own, len(document.ranges))
            for parts, own, document in zip(every, scores, documents, strict=True)
        ]

    def _scores(self, query: str, documents: Sequence[Pieces]) -> list[list[float]]:
        scores = [[0.0] * len(document.ranges) for document in documents]
        waiting: list[tuple[int, Asked]] = []
        tokens = cut = 0
        for number, document in enumerate(documents):
            for asked in self._rows.of(query, document):
                waiting.append((number, asked))
                tokens += len(asked.row)
                cut += len(asked.places) if asked.cut else 0
                # Never hold all rows of a request with many long documents.
                if tokens >= _TOKENS_AT_ONCE:
                    self._fill(scores, waiting)
                    waiting, tokens = [], 0
        self._fill(scores, waiting)
        if cut:
            current().note(_NOTES[self._rows.overflow].format(cut, sum(map(len, scores))))
        return scores

    def _fill(self, scores: list[list[float]], waiting: Sequence[tuple[int, Asked]]) -> None:
        if not waiting:
            return
        rows: Sequence[Sequence[Answer]] = self._forward([asked.row for _, asked in waiting])
        for (number, asked), answers in zip(waiting, rows, strict=True):
            for place, answer in zip(asked.places, answers, strict=True):
                scores[number][place] = answer.score
        self._check_mass(answer.mass for answers in rows for answer in answers)

    def _check_mass(self, masses: Iterable[float | None]) -> None:
        least = min((mass for mass in masses if mass is not None), default=1.0)
        if least < _LEAST_MASS and not self._warned.is_set():
            self._warned.set()
            _log.warning(
                "the model says Yes or No with a probability of only %.3f: scores are not "
                "calibrated; is the adapter missing, or the prompt not the one it was trained on?",
                least,
            )


def _one_token(prompts: PromptTokenizer, word: str, model: str) -> int:
    ids = prompts.answer(word)
    if len(ids) != 1:
        raise Unavailable(f"model {model} cannot serve EXIT: {word!r} has {len(ids)} tokens, not 1")
    return ids[0]


def _adapted(model: PreTrainedModel, adapter: str) -> PreTrainedModel:
    """The model with a LoRA adapter merged into its weights."""
    with named(adapter):
        from peft import PeftModel

        wrapped = PeftModel.from_pretrained(model, _safe(adapter))
        merged: PreTrainedModel = wrapped.merge_and_unload()
        freeze(merged)
    return merged


def _safe(adapter: str) -> str:
    """The directory of an adapter, which holds safetensors: peft would take a pickle too."""
    from pathlib import Path

    from huggingface_hub import snapshot_download

    files = ["adapter_config.json", "adapter_model.safetensors"]
    local = Path(adapter)
    folder = local if local.is_dir() else Path(snapshot_download(adapter, allow_patterns=files))
    for file in files:
        if not (folder / file).is_file():
            raise Unavailable(f"adapter {adapter} has no {file}")
    return str(folder)
