"""The ``llmlingua`` package's compressor, made to run here and to say where kept tokens stood.

The method stays the package's, down to its quirks; what is overridden is what breaks on today's
transformers, on long or unusual texts, or would lose the places of tokens. Importing this module
imports the package, and with it torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from llmlingua import PromptCompressor
from transformers import DynamicCache

from compressors.protection import merged
from compressors.work import current

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_MARGIN = 8
"""Tokens that two texts may have more together than apart."""


@dataclass(slots=True)
class Marks:
    """What one call chose; filled while the package works.

    ``ranking`` holds pairs of a text's index and the surprise of the question, best first; empty
    where there was one text. ``used`` are the indexes of the texts that were read word by word,
    in the order in which they were; ``kept`` are half-open ranges of characters of each of these.
    ``windowed`` counts the texts that were too long to be ranked at once.
    """

    ranking: list[tuple[int, float]] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    kept: list[list[tuple[int, int]]] = field(default_factory=list)
    windowed: int = 0


class MarkingCompressor(PromptCompressor):  # type: ignore[misc] # the package has no types
    """A ``PromptCompressor`` that remembers, in ``marks``, the places of what it keeps.

    For the method of LongLLMLingua only, and one thread at a time. The model must be loaded and
    frozen; ``longest`` is how many tokens it may read at once.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, longest: int
    ) -> None:
        # Not the package's own constructor: it loads by itself, with remote code and from pickles,
        # changes the dictionary that is its default, and fetches a file of tiktoken's.
        self.model = _WithPairs(model)
        self.tokenizer = tokenizer
        self.device = model.device
        self.max_position_embeddings = longest
        self.use_llmlingua2 = False
        self.oai_tokenizer = _NoStatistics()
        self.cache_bos_num, self.prefix_bos_num = 10, 100
        self.context_idxs: list[list[int]] = []
        self.marks = Marks()
        self._places = torch.empty((1, 0), dtype=torch.long)
        self._passed: list[Tensor] = []

    def continues(self) -> bool:
        """Whether a cache that was cut leads to the logits that all tokens lead to."""
        given = self.tokens_of("Is it so, or is it not?")[0]
        ids = torch.tensor([given], device=self.device)
        mask = torch.ones_like(ids)
        whole = self.model(ids, attention_mask=mask, past_key_values=None, use_cache=True)
        cut = [(keys[:, :, :-1], values[:, :, :-1]) for keys, values in whole.past_key_values]
        again = self.model(ids[:, -1:], attention_mask=mask, past_key_values=cut, use_cache=True)
        # And no token may see those that follow it.
        alone = self.model(
            ids[:, :-1], attention_mask=mask[:, :-1], past_key_values=None, use_cache=True
        )
        wanted = whole.logits[0, -2:]
        found = torch.stack([alone.logits[0, -1], again.logits[0, -1]])
        tolerance = 1e-3 if self.model.dtype == torch.float32 else 5e-2
        return bool((wanted - found).abs().max() <= tolerance * wanted.abs().max())

    def marked(self, texts: Sequence[str], **options: Any) -> Marks:  # noqa: ANN401 - its own 39
        """What ``compress_prompt`` keeps of the texts."""
        self.marks = Marks(used=list(range(len(texts))))
        self.compress_prompt(list(texts), **options)
        # The package remembers the order of every call, for ever.
        self.context_idxs.clear()
        return self.marks

    def tokens_of(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids of a text without special tokens, and the range of characters of each."""
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return encoded["input_ids"], encoded["offset_mapping"]

    def get_prefix_length(self, prefix: str, text: str) -> int:
        """How many tokens the prefix has in front of the text.

        The package compares decoded strings and asserts that they are the given ones, which they
        are not where a tokenizer normalises; where its way works, the number is the same.
        """
        _, offsets = self.tokens_of(prefix + text[:100])
        return sum(end <= len(prefix) for _, end in offsets)

    def get_condition_ppl(
        self,
        text: str,
        question: str,
        condition_in_question: str = "none",
        granularity: str = "sentence",
    ) -> Tensor:
        """The surprise of the question after a text, or of the text after it.

        Of a text that does not fit before the question, every window is asked, and the best
        counts: the package would cut the question off, and rank by the mean of nothing.
        """
        surprise = super().get_condition_ppl
        room = self.max_position_embeddings - self.get_token_length(question) - _MARGIN
        parts = self._windows(text, room)
        self.marks.windowed += len(parts) > 1
        found: Tensor = min(
            (surprise(part, question, condition_in_question, granularity) for part in parts),
            key=float,
        )
        return found

    def _windows(self, text: str, size: int) -> list[str]:
        _, offsets = self.tokens_of(text)
        if len(offsets) <= size:
            return [text]
        starts = [offsets[index][0] for index in range(0, len(offsets), size)]
        stops = [*starts[1:], len(text)]
        pairs = zip(starts, stops, strict=True)
        return [text[start:stop] for start, stop in pairs if start < stop]

    def get_rank_results(self, *args: Any, **options: Any) -> list[tuple[int, Any]]:  # noqa: ANN401
        found: list[tuple[int, Any]] = super().get_rank_results(*args, **options)
        self.marks.ranking = [(index, float(surprise)) for index, surprise in found]
        return found

    def control_context_budget(self, *args: Any, **options: Any) -> tuple[Any, Any, list[int]]:  # noqa: ANN401
        found: tuple[Any, Any, list[int]] = super().control_context_budget(*args, **options)
        self.marks.used = found[2]
        return found

    def get_estimate_threshold_base_distribution(
        self,
        ppl: Tensor,
        ratio: float,
        condition_flag: bool = False,  # noqa: FBT001, FBT002 - its own
    ) -> float:
        # A text of one token has no losses, and the package would look for the least of them.
        if not len(ppl):
            return float("-inf")
        found: float = super().get_estimate_threshold_base_distribution(ppl, ratio, condition_flag)
        return found

    def iterative_compress_prompt(
        self,
        context: list[str],
        target_token: float,
        **options: Any,  # noqa: ANN401
    ) -> tuple[Tensor, Tensor]:
        ids, offsets = self.tokens_of("\n\n".join(context))
        self._places = torch.arange(len(ids), device=self.device)[None]
        self._passed = []
        kept, mask = super().iterative_compress_prompt(context, target_token, **options)
        places = torch.cat([*self._passed, self._places], dim=1)[0, options["start"] :].tolist()
        if [ids[place] for place in places] != kept[0].tolist():
            raise RuntimeError("the package kept other tokens than were followed")
        # In front of the texts stands the question.
        texts = context[len(context) - len(self.marks.used) :]
        ahead = len("\n\n".join(context)) - len("\n\n".join(texts))
        self.marks.kept = _by_text(texts, ahead, [offsets[place] for place in places])
        return kept, mask

    def get_compressed_input(
        self,
        loss: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        *args: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> tuple[Any, ...]:
        # Places go along with the ids, so that whatever drops a token drops its place. What is
        # gone at the front was passed by the window of a text longer than the model reads.
        gone = self._places.shape[1] - input_ids.shape[1]
        self._passed.append(self._places[:, :gone])
        pairs = torch.stack([input_ids, self._places[:, gone:]], dim=-1)
        found = super().get_compressed_input(loss, pairs, attention_mask, *args, **options)
        self._places = found[0][..., 1]
        return (found[0][..., 0], *found[1:])


@dataclass(frozen=True, slots=True)
class _Output:
    logits: Tensor
    past_key_values: list[tuple[Tensor, Tensor]]


class _WithPairs:
    """A causal model whose cache is a list of a pair of tensors for each layer.

    The package slices such lists; transformers has had cache objects since 4.36, and 5 takes
    nothing else (the package's pull requests 210 and 246). Logits come as float32, since losses in
    half precision are equal too often. Ends early once nobody waits for the result.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self.dtype = model.dtype

    def __call__(
        self,
        input_ids: Tensor,
        *,
        attention_mask: Tensor,
        past_key_values: Sequence[tuple[Tensor, Tensor]] | None,
        use_cache: bool,
    ) -> _Output:
        current().check()
        # Without the model's configuration, so that layers with a sliding window keep all too:
        # the package cuts all layers at the same place.
        cache = DynamicCache(past_key_values)
        output = self._model(
            input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=use_cache
        )
        layers: Sequence[Any] = cache.layers
        pairs = [(layer.keys, layer.values) for layer in layers]
        return _Output(output.logits.float(), pairs)


class _NoStatistics:
    """Stands for tiktoken's encoding, with which the package says what was saved in dollars."""

    def encode(self, _: str) -> list[int]:
        return []


def _by_text(
    texts: Sequence[str], ahead: int, kept: Sequence[tuple[int, int]]
) -> list[list[tuple[int, int]]]:
    """Ranges of a text made of all, ``ahead`` characters before the first, as those of each."""
    found: list[list[tuple[int, int]]] = []
    start, position = ahead, 0
    for text in texts:
        own: list[tuple[int, int]] = []
        end = start + len(text)
        while position < len(kept) and kept[position][1] <= start:
            position += 1
        at = position
        while at < len(kept) and kept[at][0] < end:
            own.append((max(kept[at][0], start) - start, min(kept[at][1], end) - start))
            at += 1
        # Several tokens may share a character.
        found.append(merged(own))
        start = end + len("\n\n")
    return found
