"""Prompts with one context as token ids, without reading the context again for each.

Every prompt has the ids that it has by itself. The first is read whole; of the others only the
end is, from a few hundred characters before the sentence on, and the rest is the first one's. That
is right where tokens of the two begin at the same character: what lies left of a boundary that no
token crosses has no say in what lies right of it, for BPE, unigram and WordPiece alike, nor for
the expressions that cut words before them. To be sure, the two have to agree from there up to the
sentence; if not, the prompt is read whole too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.models.exit.prompt import Prompt, PromptTokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compressors.models.tokenization import Tokens

_AGAIN: Final = 400
"""Characters before the sentence that are read again."""
_APART: Final = 240
"""Of them, how many the boundary has before it: the cut itself may change the tokens behind it."""
_CLOSE: Final = 32
"""Characters before the sentence that may be tokens with it."""
_SURE: Final = 16
"""Tokens that have to agree."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Reads prompts that have query and context in common."""

    tokenizer: PromptTokenizer
    query: str
    context: str

    def encode(self, sentences: Sequence[str]) -> list[NDArray[np.int64]]:
        """The ids of each sentence's prompt, ``[tokens]``."""
        prompts = [Prompt(self.query, self.context, sentence) for sentence in sentences]
        if len(self.context) < 2 * _AGAIN or len(prompts) == 1:
            return self.tokenizer.encode(prompts)
        texts = [self.tokenizer.text(prompt) for prompt in prompts]
        place = self.tokenizer.place(prompts[0])
        cut = place - _AGAIN
        first, *ends = self.tokenizer.tokens_of([texts[0], *(text[cut:] for text in texts[1:])])
        found = [self.tokenizer.read(first.ids)]
        for prompt, end in zip(prompts[1:], ends, strict=True):
            ids = _joined(first, end, cut, place)
            found.append(
                self.tokenizer.encode([prompt])[0] if ids is None else self.tokenizer.read(ids)
            )
        return found


def _joined(first: Tokens, end: Tokens, cut: int, place: int) -> NDArray[np.int32] | None:
    """The ids of a prompt whose text from ``cut`` on has the tokens ``end``."""
    import numpy as np

    left = int(np.searchsorted(first.starts, place - _APART))
    count = int(np.searchsorted(first.starts, place - _CLOSE)) - left
    if count < _SURE:
        return None
    right = int(np.searchsorted(end.starts, first.starts[left] - cut))
    one, other = slice(left, left + count), slice(right, right + count)
    same = np.array_equal(first.ids[one], end.ids[other])
    if not same or not np.array_equal(first.starts[one], end.starts[other] + cut):
        return None
    return np.concatenate((first.ids[:left], end.ids[right:]))
