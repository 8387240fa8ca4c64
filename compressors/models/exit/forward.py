"""What a causal language model answers to EXIT's prompts: the logits of Yes and No.

Source: arXiv 2412.12559, section 3; spec/exit.md 1.2 (4, 5) and 1.6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import ModelFailure, Unavailable
from compressors.models.batches import padded
from compressors.models.exit.branches import Branched, steps
from compressors.models.exit.layout import Layout, Prefix, Sizes
from compressors.protocols import Encoded

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


_MEASURED: Final = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """The logits of Yes and No behind a prompt.

    ``mass`` is the probability that the next token is either, in [0, 1]; it is measured for the
    first prompt of the first batch, and of one in 32 after it.
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


def mass_of(logits: Tensor, answers: tuple[int, int]) -> float:
    """The probability, in [0, 1], that one of two ids is next; ``logits`` is ``[vocabulary]``."""
    own = logits[list(answers)].logsumexp(0)
    return float((own - logits.logsumexp(0)).exp())


class Head:
    """The head of a causal language model, of which only the rows of two answers are used.

    All of it is used at one position of one batch in 32, to measure the mass of the two.
    """

    def __init__(self, model: PreTrainedModel, answers: tuple[int, int]) -> None:
        self._config = model.config.get_text_config()
        self._both = list(answers)
        self._answers = answers
        head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call] # transformers'
        if head is None:
            raise Unavailable(f"a {type(model).__name__} has no head")
        self._weight: Tensor = head.weight
        self._two = head.weight[self._both].float()
        bias = getattr(head, "bias", None)
        self._bias = None if bias is None else bias.float()
        self._batches = count()

    def answers(self, states: Tensor) -> list[Answer]:
        """For what a model has behind prompts, ``[prompts, width]``."""
        two = states.float() @ self._two.T
        if self._bias is not None:
            two = two + self._bias[self._both]
        answers = [Answer(yes, no) for yes, no in self._shaped(two).tolist()]
        if next(self._batches) % _MEASURED:
            # A vocabulary of 256,000 takes as long as a hundred tokens of a small model.
            return answers
        return [replace(answers[0], mass=self._mass(states[0])), *answers[1:]]

    def _mass(self, state: Tensor) -> float:
        every = (self._weight @ state.to(self._weight.dtype)).float()
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


class OneByOne:
    """A ``Forward``: the answers to each row's prompts, each prompt read by itself.

    Any family can do that. Prompts are padded at the right, where a causal model does not look.
    """

    shares = False

    def __init__(self, model: PreTrainedModel, head: Head, padding: int) -> None:
        self._body = model.base_model
        self._head = head
        self._padding = padding
        self._device = str(model.device)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[tuple[Answer, ...]]:
        import torch

        rows = [_branched(row) for row in batch]
        prompts = [Encoded(ids) for row in rows for ids in row.prompts]
        ids, mask = padded(prompts, self._padding, self._device)
        with torch.inference_mode():
            output = self._body(input_ids=ids, attention_mask=mask, use_cache=False)
            last = mask.sum(1) - 1
            places = torch.arange(len(prompts), device=last.device)
            answers = self._head.answers(output.last_hidden_state[places, last])
        return _by_row(rows, answers)


class Branching:
    """A ``Forward``: the answers to each row's prompts, what they share being read once.

    Rows are read in steps of bounded size, several rows or a part of one at a time, and the keys
    of a prefix are kept while its row is read.
    """

    shares = True

    def __init__(self, model: PreTrainedModel, head: Head, sizes: Sizes) -> None:
        self._body = model.base_model
        self._head = head
        self._sizes = sizes
        self._layers: int = model.config.get_text_config().num_hidden_layers
        self._device = str(model.device)

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[tuple[Answer, ...]]:
        import torch

        rows = [_branched(row) for row in batch]
        prefix = Prefix(0)
        states = []
        with torch.inference_mode():
            for parts in steps(rows, self._sizes.step):
                if parts[0].reads_prefix:
                    prefix = Prefix(len(rows[parts[0].row].ids))
                states.append(self._states(Layout(rows, parts, self._sizes, prefix)))
            answers = self._head.answers(torch.cat(states))
        return _by_row(rows, answers)

    def _states(self, layout: Layout) -> Tensor:
        import torch

        ids, positions = torch.tensor([[layout.ids], [layout.positions]], device=self._device)
        output = self._body(input_ids=ids, position_ids=positions, use_cache=False, layout=layout)
        if len(layout.served) != self._layers:
            # A family may take no notice of the layout, and let branches look at each other.
            raise Unavailable("its layers do not ask for the attention of branches")
        states: Tensor = output.last_hidden_state[0, torch.tensor(layout.lasts).to(self._device)]
        return states


def _branched(row: Encoded) -> Branched:
    if not isinstance(row, Branched):
        raise ModelFailure("a row without branches")
    return row


def _by_row(rows: Sequence[Branched], answers: Sequence[Answer]) -> Sequence[tuple[Answer, ...]]:
    left = iter(answers)
    return [tuple(islice(left, len(row.branches))) for row in rows]
