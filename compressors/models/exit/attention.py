"""Attention of a step in which branches share a prefix: tile by tile, as its layout has them.

It takes the place of a model's own attention by transformers' registry of attention functions, so
it serves every family that asks this registry. Products are computed for what is looked at, not
for the square of a step, and the keys of a prefix are never repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from compressors.errors import Unavailable
from compressors.models.exit.layout import Layout, Tile

if TYPE_CHECKING:
    from torch import Tensor

NAME: Final = "condensery-branches"
# What families hand to attention functions that changes nothing here. Whatever else there is, such
# as the sinks of gpt-oss, is refused.
_IDLE: Final = frozenset(
    {
        "cache_position",
        "output_attentions",
        "output_hidden_states",
        "position_ids",
        "return_dict",
        "use_cache",
    }
)

_AT_ONCE: Final = 256
"""Queries whose products are held at once where attention is computed here."""


def register() -> None:
    """Make the attention known to transformers under ``NAME``."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)


def window_of(config: Any, layer: int) -> int | None:  # noqa: ANN401 - every family has its own
    """How far a layer looks back, in tokens, itself included; ``None`` is without end.

    Raises ``Unavailable`` for layers that do neither.
    """
    kinds = getattr(config, "layer_types", None)
    window: int | None = getattr(config, "sliding_window", None)
    if kinds is None or kinds[layer] == "sliding_attention":
        return window
    if kinds[layer] != "full_attention":
        raise Unavailable(f"layers of kind {kinds[layer]} do not read branches")
    return None


def attend(  # noqa: PLR0913 - as transformers calls it
    module: Any,  # noqa: ANN401 - every family has its own
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    layout: Layout,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **others: Any,  # noqa: ANN401 - as transformers calls it
) -> tuple[Tensor, None]:
    """Query ``[1, heads, tokens, width]``; key and value alike, with fewer heads or as many.

    Gives ``[1, tokens, heads, width]``. Raises ``Unavailable`` where a family asks for more.
    """
    odd = {name for name, given in others.items() if given is not None} - _IDLE
    unlike = sliding_window != window_of(module.config, module.layer_idx)
    if odd or unlike or dropout or attention_mask is not None:
        raise Unavailable(f"a {type(module).__name__} does not read branches")
    layout.served.add(module.layer_idx)
    # Heads that share keys are one row of a batch, and look at the same tensor.
    keys, values = key[0].unsqueeze(1), value[0].unsqueeze(1)
    queries = query[0].view(len(keys), -1, *query.shape[2:])
    if layout.keeps_prefix:
        length = layout.prefix.length
        kept = keys[:, :, :length].clone(), values[:, :, :length].clone()
        layout.prefix.layers[module.layer_idx] = kept
    found = query.new_empty((query.shape[2], query.shape[1], value.shape[3]))
    for tile in layout.tiles:
        first, last = tile.queries
        before = layout.prefix.layers[module.layer_idx] if tile.kept else None
        seen = _gathered(tile, keys, values, before)
        mask = layout.mask(tile, sliding_window, query)
        part = _products(queries[:, :, first:last], *seen, mask, scaling, softcap)
        found[first:last] = part.flatten(0, 1).transpose(0, 1)
    return found[None], None


def _gathered(
    tile: Tile, keys: Tensor, values: Tensor, before: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    import torch

    parts = [(keys[:, :, first:last], values[:, :, first:last]) for first, last in tile.keys]
    if before is not None:
        parts.insert(0, before)
    if len(parts) == 1:
        return parts[0]
    return torch.cat([one for one, _ in parts], 2), torch.cat([one for _, one in parts], 2)


def _products(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    softcap: float | None,
) -> Tensor:
    """Queries ``[rows, heads, queries, width]``; keys, values ``[rows, 1, keys, width]``."""
    import torch

    if softcap is None:
        heads = queries.shape[1]
        return torch.nn.functional.scaled_dot_product_attention(
            queries,
            keys.expand(-1, heads, -1, -1),
            values.expand(-1, heads, -1, -1),
            attn_mask=mask,
            is_causal=mask is None,
            scale=scaling,
        )
    # Gemma 2's, which no kernel of torch knows; some queries at a time, as a kernel would.
    if mask is None:
        mask = torch.full((queries.shape[2], keys.shape[2]), -torch.inf, device=keys.device).triu(1)
    scaling = scaling or queries.shape[3] ** -0.5
    parts = []
    for asked, seen in zip(
        torch.split(queries, _AT_ONCE, 2), torch.split(mask, _AT_ONCE), strict=True
    ):
        products = (asked @ keys.transpose(2, 3) * scaling / softcap).tanh() * softcap
        weights = (products + seen).softmax(3, dtype=torch.float32).to(queries.dtype)
        parts.append(weights @ values)
    return torch.cat(parts, 2)
