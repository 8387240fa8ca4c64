"""What goes into parity mode and what comes out: the package's arguments and results as values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from compressors.errors import InvalidInput
from compressors.parity.tokens import FIELD, SPARE
from compressors.parity.words import Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding

WAYS: Final = ("mean", "first")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityOptions:
    """The arguments of `compress_prompt_llmlingua2`, under its names; ``None`` is its -1."""

    rate: float = 0.5
    """The share of tokens that stays, unless ``target_token`` says how many do."""
    target_token: int | None = None
    use_context_level_filter: bool = False
    use_token_level_filter: bool = True
    target_context: int | None = None
    context_level_rate: float = 1.0
    context_level_target_token: int | None = None
    force_context_ids: tuple[int, ...] = ()
    token_to_word: str = "mean"  # noqa: S105 - no password
    force_tokens: tuple[str, ...] = ()
    force_reserve_digit: bool = False
    drop_consecutive: bool = False
    chunk_end_tokens: tuple[str, ...] = (".", "\n")

    def __post_init__(self) -> None:
        if self.token_to_word not in WAYS:
            raise InvalidInput(f"{FIELD}.token_to_word", f"is one of {', '.join(WAYS)}")
        if len(self.force_tokens) > SPARE:
            raise InvalidInput(f"{FIELD}.force_tokens", f"are at most {SPARE}")
        if not all(self.force_tokens):
            # The package would put a name between all characters.
            raise InvalidInput(f"{FIELD}.force_tokens", "must not be empty")
        if math.isnan(self.rate) or self.rate <= 0.0:
            raise InvalidInput(f"{FIELD}.rate", f"must be above 0, is {self.rate}")
        for name in ("target_token", "target_context", "context_level_target_token"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidInput(f"{FIELD}.{name}", f"must not be negative, is {value}")


@dataclass(frozen=True, slots=True)
class Part:
    """At most 511 tokens ``[start, end)`` of a document, and the text that they are turned into."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The words of a part and which of them stay."""

    part: Part
    tokens: tuple[str, ...]
    """The tokens of the part's text, which are not always those that it was made from."""
    words: Words
    kept: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one document. Without ``judged``, a kept one stays whole."""

    kept: bool
    text: str
    labels: tuple[tuple[str, int], ...]
    judged: tuple[Judged, ...] = ()


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the package gives back, as values."""

    documents: tuple[Decision, ...]
    origin_tokens: int
    compressed_tokens: int
    names: Mapping[str, str] = field(default_factory=dict)
    """What stood for forced phrases in the texts that the model read."""
    encodings: tuple[Encoding, ...] = ()
    """The tokens of the documents with such names in them, which the parts are cut from."""

    @property
    def texts(self) -> list[str]:
        """`compressed_prompt_list`: of the documents that are kept."""
        return [document.text for document in self.documents if document.kept]

    @property
    def text(self) -> str:
        return "\n\n".join(self.texts)

    def labelled(self, word_sep: str = "\t\t|\t\t", label_sep: str = " ") -> str:
        """`fn_labeled_original_prompt`."""
        labels = (label for document in self.documents for label in document.labels)
        return word_sep.join(f"{word}{label_sep}{label}" for word, label in labels)

    @property
    def ratio(self) -> str:
        return f"{self._ratio:.1f}x"

    @property
    def rate(self) -> str:
        """As the package has it: 100.0% where nothing is left."""
        return f"{1 / self._ratio * 100:.1f}%"

    @property
    def _ratio(self) -> float:
        return self.origin_tokens / self.compressed_tokens if self.compressed_tokens else 1
