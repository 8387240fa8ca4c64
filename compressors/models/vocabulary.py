"""A model's tokenizer, made safe: what looks like a control token in a text is plain text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compressors.errors import Unavailable
from compressors.models.loading import named

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Token ids and habits of a tokenizer; makes new raw tokenizers, one for each thread."""

    serialized: str
    """The tokenizer as JSON, every control token flagged as special."""
    prefix: tuple[int, ...]
    """What the model wants in front of a text."""
    suffix: tuple[int, ...]
    controls: Mapping[int, str]
    """Control tokens by id, without the one for what is unknown."""
    padding: int
    unknown: int | None
    limit: int | None
    """Tokens that the tokenizer says a model can read."""

    @classmethod
    def load(cls, model: str, *, controls: Collection[str] = ()) -> Vocabulary:
        """The tokenizer of a model by name or path. Raises ``NotFound`` or ``Unavailable``.

        ``controls`` are tokens that are control tokens even if the tokenizer does not say so.
        """
        return cls.of(fast_tokenizer(model), controls=controls)

    @classmethod
    def of(cls, loaded: PreTrainedTokenizerBase, *, controls: Collection[str] = ()) -> Vocabulary:
        """The vocabulary of a fast tokenizer of transformers."""
        spec = json.loads(loaded.backend_tokenizer.to_str())
        unknown = loaded.unk_token_id
        special = {*loaded.all_special_tokens, *controls}
        for token in spec["added_tokens"]:
            token["special"] = token["special"] or token["content"] in special
        known = {t["id"]: t["content"] for t in spec["added_tokens"] if t["special"]}
        known.pop(unknown, None)
        serialized = json.dumps(spec)
        prefix, suffix = _frame(serialized, loaded)
        limit = loaded.model_max_length
        return cls(
            serialized=serialized,
            prefix=prefix,
            suffix=suffix,
            controls=known,
            # Any id does where there is none: padding is masked.
            padding=loaded.pad_token_id or 0,
            unknown=unknown,
            limit=limit if limit < _UNLIMITED else None,
        )

    def tokenizer(self) -> Tokenizer:
        """A new raw tokenizer, for ``ThreadTokenizers``, in which all control tokens are special.

        So none of them is found in a text.
        """
        from tokenizers import Tokenizer

        return Tokenizer.from_str(self.serialized)

    def plain(self, ids: Iterable[int]) -> list[int]:
        """The ids with control tokens as unknown ones.

        Some vocabularies, of SentencePiece's kind, hold ``</s>`` as an ordinary piece too.
        """
        unknown = self.unknown
        if unknown is None:
            return list(ids)
        controls = self.controls
        return [unknown if token in controls else token for token in ids]

    def framed(self, ids: Iterable[int]) -> tuple[int, ...]:
        """The ids as the model wants a text: with what comes before and after."""
        return (*self.prefix, *ids, *self.suffix)

    @property
    def frame(self) -> int:
        """How many tokens come before and after a text."""
        return len(self.prefix) + len(self.suffix)


def fast_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """Transformers' tokenizer of a model, by name or path; raises as ``Vocabulary.load``."""
    from transformers import AutoTokenizer

    with named(model):
        loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            model, trust_remote_code=False
        )
    if not getattr(loaded, "is_fast", False):
        raise Unavailable(f"model {model} has no fast tokenizer")
    return loaded


def _frame(
    serialized: str, loaded: PreTrainedTokenizerBase
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    from tokenizers import Tokenizer

    # As transformers would add them: the post-processor of its raw tokenizer does it.
    raw = Tokenizer.from_str(serialized)
    # Some are saved with padding, which is no part of the frame.
    raw.no_padding()
    raw.no_truncation()
    probe = raw.encode("a")
    inner = [index for index, added in enumerate(probe.special_tokens_mask) if not added]
    if not inner:
        raise Unavailable("a tokenizer does not read the letter a")
    prefix, suffix = tuple(probe.ids[: inner[0]]), tuple(probe.ids[inner[-1] + 1 :])
    if prefix or suffix or loaded.cls_token_id is None or loaded.sep_token_id is None:
        return prefix, suffix
    return (loaded.cls_token_id,), (loaded.sep_token_id,)
