"""Counters by the tokenizer of whatever LLM the caller has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from compressors.budget import Counter
from compressors.models import minilm
from compressors.models.cache import Cache
from compressors.models.minilm import MiniLmCounter

if TYPE_CHECKING:
    from tiktoken import Encoding
    from tokenizers import Tokenizer

BUILT_IN = "minilm"
_TIKTOKEN = "tiktoken"


class TokenizerCounter:
    """A ``Counter`` on a raw tokenizer, shared by all threads: none of them ever changes it."""

    def __init__(self, name: str, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        # Control tokens that stand in a text are plain text, as they are to the models here.
        tokenizer.encode_special_tokens = True
        self.name = name
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, name: str, source: str) -> TokenizerCounter:
        """From a tokenizer.json, a directory with one, or the hub. Raises ``ValueError``."""
        from tokenizers import Tokenizer

        path = Path(source)
        path = path / "tokenizer.json" if path.is_dir() else path
        local = path.is_file() or path.suffix == ".json" or path.is_absolute()
        try:
            read = Tokenizer.from_file if local else Tokenizer.from_pretrained
            return cls(name, read(str(path) if local else source))
        # The library raises bare exceptions, and those of its hub client.
        except Exception as error:
            raise ValueError(f"tokenizers: cannot load {name} from {source}: {error}") from error

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def starts(self, text: str) -> Sequence[int]:
        encoding = self._tokenizer.encode_batch([text], add_special_tokens=False)[0]
        return _ascending([start for start, _ in encoding.offsets])


class TiktokenCounter:
    """A ``Counter`` on one of OpenAI's encodings; control tokens in a text are plain text, too."""

    def __init__(self, name: str, encoding: Encoding) -> None:
        self.name = name
        self._encoding = encoding

    @classmethod
    def load(cls, name: str, encoding: str) -> TiktokenCounter:
        """Raises ``ValueError`` where the encoding is unknown, or neither cached nor reachable."""
        import tiktoken

        try:
            return cls(name, tiktoken.get_encoding(encoding))
        # Whatever its download raises.
        except Exception as error:
            raise ValueError(f"tokenizers: cannot load {name} from tiktoken: {error}") from error

    def count(self, texts: Sequence[str]) -> Sequence[int]:
        return [len(self._encoding.encode_ordinary(text)) for text in texts]

    def starts(self, text: str) -> Sequence[int]:
        _, offsets = self._encoding.decode_with_offsets(self._encoding.encode_ordinary(text))
        return _ascending(offsets)


def load_counters(
    tokenizers: Mapping[str, str], default: str, cache: Cache | None = None
) -> dict[str, Counter]:
    """The built-in counter and the configured ones, the default first.

    With ``cache``, the built-in one knows the tokens that models with its vocabulary have. Raises
    ``ValueError`` naming a tokenizer that cannot be loaded or is not there.
    """
    counters: dict[str, Counter] = {BUILT_IN: MiniLmCounter(minilm.tokenizers(cache))}
    for name, source in tokenizers.items():
        if name in counters:
            raise ValueError(f"tokenizers: {name} is built in")
        kind, _, encoding = source.partition(":")
        if kind == _TIKTOKEN:
            counters[name] = TiktokenCounter.load(name, encoding or name)
        else:
            counters[name] = TokenizerCounter.load(name, source)
    if default not in counters:
        raise ValueError(f"default_tokenizer: {default} is not among {', '.join(counters)}")
    return {default: counters.pop(default), **counters}


def _ascending(starts: Sequence[int]) -> list[int]:
    # Tokens that share a character share its place. Some normalizers report a place before the
    # one of the token before; counting by bisection needs them in order.
    return list(accumulate(starts, max))
