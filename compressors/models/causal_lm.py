"""EXIT's own classifier: a causal language model that answers Yes or No for every sentence.

Source: arXiv 2412.12559. ``google/gemma-2b-it`` with the adapter ``doubleyyh/exit-gemma-2b``, or
any other causal language model.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import ModelFailure, Unavailable
from compressors.models.batches import SmallBatches, padded
from compressors.models.exit_prompt import END, START, PromptTokenizer, sentences_of
from compressors.models.exit_rows import Rows
from compressors.models.loading import Placement, freeze, longest_input, named, pretrained
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Encoded, Forward, Pieces

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

MAX_TOKENS: Final = 4096
"""A document that makes longer prompts is read in windows, even if the model could read more."""
_TOKENS_AT_ONCE: Final = 2**18
_LEAST_MASS: Final = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The logits of Yes and No behind a prompt.

    ``mass`` is the probability that the next token is either, in [0, 1]; it is measured for the
    first row of a batch only.
    """

    yes: float
    no: float
    mass: float | None = None

    @property
    def score(self) -> float:
        """The probability of Yes among the two, in [0, 1]; not a number if a logit is none."""
        difference = self.yes - self.no
        if difference < 0:
            power = math.exp(difference)
            return power / (1.0 + power)
        return 1.0 / (1.0 + math.exp(-difference))


class YesOrNo:
    """A ``Forward``: the ``Answer`` of a causal language model to each row.

    Rows are padded at the right, where a causal model does not look. Of the head, only the two
    rows of Yes and No are used, and all of it at one position a batch, to measure the mass.
    """

    def __init__(self, model: PreTrainedModel, answers: tuple[int, int], padding: int) -> None:
        self._body = model.base_model
        self._config = model.config.get_text_config()
        self._answers = answers
        self._padding = padding
        self._device = str(model.device)
        head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call] # transformers'
        if head is None:
            raise Unavailable(f"a {type(model).__name__} has no head")
        self._head: Tensor = head.weight
        self._two = head.weight[list(answers)].float()
        bias = getattr(head, "bias", None)
        self._bias = None if bias is None else bias.float()

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Answer]:
        import torch

        ids, mask = padded(batch, self._padding, self._device)
        with torch.inference_mode():
            output = self._body(input_ids=ids, attention_mask=mask, use_cache=False)
            last = mask.sum(1) - 1
            rows = torch.arange(len(batch), device=last.device)
            states = output.last_hidden_state[rows, last]
            two = states.float() @ self._two.T
            if self._bias is not None:
                two = two + self._bias[list(self._answers)]
            logits = self._shaped(two).tolist()
            mass = self._mass(states[0])
        answers = [Answer(yes, no) for yes, no in logits]
        return [replace(answers[0], mass=mass), *answers[1:]]

    def _mass(self, state: Tensor) -> float:
        every = (self._head @ state.to(self._head.dtype)).float()
        if self._bias is not None:
            every = every + self._bias
        return mass_of(self._shaped(every), self._answers)

    def _shaped(self, logits: Tensor) -> Tensor:
        # What some families do to logits behind the head: Granite, Cohere, Gemma 2 and 3.
        config = self._config
        logits = logits / (getattr(config, "logits_scaling", None) or 1.0)
        logits = logits * (getattr(config, "logit_scale", None) or 1.0)
        cap = getattr(config, "final_logit_softcapping", None)
        return logits if cap is None else (logits / cap).tanh() * cap


def mass_of(logits: Tensor, answers: tuple[int, int]) -> float:
    """The probability, in [0, 1], that one of two ids is next; ``logits`` is ``[vocabulary]``."""
    own = logits[list(answers)].logsumexp(0)
    return float((own - logits.logsumexp(0)).exp())


class CausalLmScorer:
    """A ``SentenceScorer``: one prompt for each sentence, score = sigmoid(yes - no).

    Blank sentences score 0. Thread-safe.
    """

    backend: Final = "causal-lm"

    def __init__(self, forward: Forward, rows: Rows) -> None:
        self._forward = forward
        self._rows = rows
        self._warned = False

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
        forward = YesOrNo(loaded, answers, vocabulary.padding)
        _check_head(forward, loaded, answers, model)
        limits = (longest_input(loaded), vocabulary.limit, max_tokens)
        longest = min(limit for limit in limits if limit is not None)
        return cls(wrap(forward), Rows(prompts, longest))

    @property
    def windowed(self) -> int:
        """How many prompts so far showed only a window of their document."""
        return self._rows.windowed

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        scores: list[float] = []
        waiting: list[Encoded] = []
        tokens = 0
        for document in documents:
            for row in self._rows.of(query, document):
                waiting.append(row)
                tokens += len(row)
                # A long document makes many long prompts: never hold all of them.
                if tokens >= _TOKENS_AT_ONCE:
                    scores += self._scores(waiting)
                    waiting, tokens = [], 0
        scores += self._scores(waiting)
        left = iter(scores)
        return [[next(left) if s else 0.0 for s in sentences_of(d)] for d in documents]

    def _scores(self, rows: Sequence[Encoded]) -> list[float]:
        if not rows:
            return []
        answers: Sequence[Answer] = self._forward(rows)
        masses = [answer.mass for answer in answers if answer.mass is not None]
        if not self._warned and masses and min(masses) < _LEAST_MASS:
            self._warned = True
            _log.warning(
                "the model says Yes or No with a probability of only %.3f: scores are not "
                "calibrated; is the adapter missing, or the prompt not the one it was trained on?",
                min(masses),
            )
        return [answer.score for answer in answers]


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


def _check_head(
    forward: YesOrNo, model: PreTrainedModel, answers: tuple[int, int], name: str
) -> None:
    # Two rows of the head must say what the whole model says; some families scale their logits.
    import torch

    row = Encoded((answers[0], answers[1], answers[0]))
    found = forward([row])[0]
    with torch.inference_mode():
        ids = torch.tensor([row.ids], device=model.device)
        wanted = model(input_ids=ids, use_cache=False).logits[0, -1, list(answers)].tolist()
    if not all(math.isfinite(logit) for logit in wanted):
        raise ModelFailure(f"model {name} gives logits that are not finite")
    tolerance = 1e-3 if model.dtype == torch.float32 else 5e-2
    for own, whole in zip((found.yes, found.no), wanted, strict=True):
        if abs(own - whole) > tolerance * max(1.0, abs(whole)):
            raise Unavailable(f"model {name} cannot serve EXIT: its head is of an unknown kind")
