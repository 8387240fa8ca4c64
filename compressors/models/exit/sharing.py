"""Which way a causal language model is asked: all sentences of a document at once if it can be."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from compressors.errors import ModelFailure, Unavailable
from compressors.models.exit.attention import NAME, register, window_of
from compressors.models.exit.branches import Branched
from compressors.models.exit.forward import Answer, Branching, Head, OneByOne
from compressors.models.exit.layout import Sizes

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_TINY: Final = Sizes(step=24, tile=8, whole=0)
"""So small that a probe of 60 tokens goes through every kind of step and tile."""
_GROWING: Final = ("dynamic", "longrope")
"""Kinds of positions that depend on the longest text beside which one is read."""

_log = logging.getLogger(__name__)


def forward_of(
    model: PreTrainedModel, answers: tuple[int, int], padding: int, *, name: str, longest: int
) -> OneByOne | Branching:
    """The fastest way that gives this model's own answers, tried here and now.

    Raises ``Unavailable`` where none does, ``ModelFailure`` where the model gives no numbers.
    """
    plain = OneByOne(model, Head(model, answers), padding)
    _check_head(model, plain, answers, name)
    wanted = [answer for row in plain(_probe(answers)) for answer in row]
    before = model.config._attn_implementation  # noqa: SLF001 - transformers has no other word for it
    try:
        _check_layers(model, longest)
        register()
        model.set_attn_implementation(NAME)
        tried = Branching(model, Head(model, answers), _TINY)
        found = [answer for row in tried(_probe(answers)) for answer in row]
        if not _alike(model, wanted, found):
            raise Unavailable("its answers to branches are others than to whole prompts")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001 - whatever a family raises, the plain way is left
        model.set_attn_implementation(before)
        reason = str(error) if isinstance(error, Unavailable) else type(error).__name__
        _log.warning("model %s reads every sentence with its whole document: %s", name, reason)
        return OneByOne(model, Head(model, answers), padding)
    return Branching(model, Head(model, answers), Sizes.of(str(model.device)))


def _probe(answers: tuple[int, int]) -> list[Branched]:
    yes, no = answers
    prefix = (yes, no, no, yes, yes, yes, no)
    branches = ((no, yes), (yes, yes, no), (no,), (yes, no, yes, no, no))
    return [Branched(prefix, branches=branches), Branched(prefix * 2, branches=branches * 2)]


def _check_head(
    model: PreTrainedModel, forward: OneByOne, answers: tuple[int, int], name: str
) -> None:
    # Two rows of the head must say what the whole model says; some families scale their logits.
    import torch

    row = Branched((answers[0], answers[1]), branches=((answers[0],),))
    ((found,),) = forward([row])
    with torch.inference_mode():
        ids = torch.tensor(row.prompts, device=model.device)
        yes, no = model(input_ids=ids, use_cache=False).logits[0, -1, list(answers)].tolist()
    if not (math.isfinite(yes) and math.isfinite(no)):
        raise ModelFailure(f"model {name} gives logits that are not finite")
    if not _alike(model, [Answer(yes, no)], [found]):
        raise Unavailable(f"model {name} cannot serve EXIT: its head is of an unknown kind")


def _check_layers(model: PreTrainedModel, longest: int) -> None:
    config = model.config.get_text_config()
    for layer in range(config.num_hidden_layers):
        window_of(config, layer)
    growing = [kind for kind in _rope_kinds(config) if kind in _GROWING]
    limit = getattr(config, "original_max_position_embeddings", None)
    if growing and longest > (limit or 0):
        raise Unavailable(f"positions of kind {growing[0]} depend on what is read beside")


def _rope_kinds(config: PreTrainedConfig) -> Iterator[str]:
    for name in ("rope_parameters", "rope_scaling"):
        found = getattr(config, name, None) or {}
        # Some have one for each kind of layer.
        parts = [part for part in found.values() if isinstance(part, dict)]
        for part in parts or [found]:
            yield str(part.get("rope_type", part.get("type")))


def _alike(model: PreTrainedModel, wanted: list[Answer], found: list[Answer]) -> bool:
    import torch

    tolerance = 1e-3 if model.dtype == torch.float32 else 5e-2
    return all(
        abs(one - other) <= tolerance * max(1.0, abs(one))
        for w, f in zip(wanted, found, strict=True)
        for one, other in ((w.yes, f.yes), (w.no, f.no))
    )
