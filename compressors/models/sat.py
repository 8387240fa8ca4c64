"""Sentences by a SaT model, from a local directory, with the exact place of each.

Source: "Segment Any Text" (arXiv 2406.16678); ``segment-any-text/sat-…`` as ONNX, run by the
package ``wtpsplit-lite``. Its ``predict_proba`` cuts a text into blocks, averages where they
overlap and gives a probability for each character; tokenizer, model and spans are ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import (
    CompressionError,
    InvalidInput,
    ModelFailure,
    NotFound,
    Unavailable,
)
from compressors.models.batches import SmallBatches
from compressors.models.tokenization import ThreadTokenizers
from compressors.protocols import Encoded, Forward
from compressors.segmentation import MAX_CHARS, spans_between

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession
    from wtpsplit_lite import SaT

MODEL: Final = "model_optimized.onnx"
_FILES: Final = ("config.json", "tokenizer.json", MODEL)
_BLANK_LINE: Final = re.compile(r"\n[^\S\n]*\n\s*")
_SPACES: Final = re.compile(r"\s*")
_BLOCK: Final = 512
_NEWLINE: Final = 0
"""The label whose probability is that of a sentence's end; some models have a hundred more."""


class SatSegmenter:
    """A ``Segmenter``: a sentence ends where a model says so, and at every blank line.

    Thread-safe. Raises what its ``Forward`` raises, and ``ModelFailure``.
    """

    def __init__(self, sat: SaT, *, threshold: float, stride: int, max_chars: int) -> None:
        self._sat = sat
        self._threshold = threshold
        self._stride = stride
        self._max_chars = max_chars

    @classmethod
    def load(  # noqa: PLR0913 - what a deployment may choose
        cls,
        directory: str | Path,
        *,
        threshold: float,
        stride: int = 256,
        max_chars: int = MAX_CHARS,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        threads: int = 0,
        wrap: Callable[[Forward], Forward] = SmallBatches,
    ) -> SatSegmenter:
        """A model from a directory with config.json, tokenizer.json and model_optimized.onnx.

        ``threshold`` is never guessed: 0.25 is the authors' for models called ``…-sm``, 0.025 for
        the others. Blocks of 512 tokens start every ``stride`` tokens; fewer is slower and a
        little better. ``providers`` are onnxruntime's; ``threads`` those of one block on a CPU, 0
        for one a core. Nothing is ever downloaded. Raises ``InvalidInput``, ``NotFound`` or
        ``Unavailable``.
        """
        _check(threshold, stride, max_chars)
        place = _complete(Path(directory).expanduser())
        with _explained(place):
            sat = _package(place, providers, threads)
            serialized = (place / "tokenizer.json").read_text(encoding="utf-8")
            sat.tokenizer = _Tokenizing(serialized)
            forward = EndLogits(sat.model.ort_session, sat.tokenizer.pad_token_id)
            # Some model is not yet one of this kind: a row shows it before a request does.
            forward([Encoded((sat.tokenizer.cls_token_id, sat.tokenizer.sep_token_id))])
            sat.model = _Blocks(wrap(forward))
        return cls(sat, threshold=threshold, stride=stride, max_chars=max_chars)

    def spans(self, text: str) -> tuple[tuple[int, int], ...]:
        """Half-open ranges of code points: in order, none empty, together all of ``text``.

        White space after a sentence belongs to it, and what a text starts with to the first. None
        is longer than ``max_chars``. An empty text has no sentences.
        """
        return spans_between(text, self._ends(text), self._max_chars)

    def probabilities(self, text: str) -> NDArray[np.float32]:
        """The probability that a sentence ends with each character, float32 ``[len(text)]``.

        It stands at the last character of a token and is 0 elsewhere.
        """
        import numpy as np

        if not text.strip():
            return np.zeros(len(text), dtype=np.float32)
        try:
            # Its logistic function overflows, as it should, where a character has no token.
            with np.errstate(over="ignore"):
                found = self._sat.predict_proba(text, stride=self._stride, block_size=_BLOCK)
        except _NoTokens:
            return np.zeros(len(text), dtype=np.float32)
        except CompressionError:
            raise
        except Exception as error:
            raise ModelFailure(f"SaT failed on {len(text)} characters") from error
        return np.asarray(found, dtype=np.float32)

    def _ends(self, text: str) -> list[int]:
        import numpy as np

        ends = {match.end() for match in _BLANK_LINE.finditer(text)}
        last = 0
        for index in np.flatnonzero(self.probabilities(text) > self._threshold).tolist():
            # A run of white space is walked through once, however many ends are in it.
            if index >= last and (match := _SPACES.match(text, index + 1)):
                last = match.end()
                ends.add(last)
        return sorted(ends)


class EndLogits:
    """A ``Forward``: the logit of a sentence's end for each token of a row, float32 ``[tokens]``.

    Takes what the authors' export takes: int64 ids and a float16 mask, both ``[rows, longest]``.
    """

    def __init__(self, session: InferenceSession, padding: int) -> None:
        self._session = session
        self._padding = padding

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[NDArray[np.float32]]:
        import numpy as np

        longest = max(len(row) for row in batch)
        ids = np.full((len(batch), longest), self._padding, dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.float16)
        for index, row in enumerate(batch):
            ids[index, : len(row)] = row.ids
            mask[index, : len(row)] = 1
        given = {"input_ids": ids, "attention_mask": mask}
        logits = np.asarray(self._session.run(["logits"], given)[0], dtype=np.float32)
        if logits.ndim != 3 or logits.shape[:2] != ids.shape:  # noqa: PLR2004 - and labels
            raise ModelFailure(f"logits of shape {logits.shape} for rows of shape {ids.shape}")
        table: NDArray[np.float32] = logits[..., _NEWLINE]
        return [table[index, : len(row)] for index, row in enumerate(batch)]


class _NoTokens(Exception):
    """A text has characters, but no token."""


@dataclass(frozen=True, slots=True)
class _OneLabel:
    """What the package asks of a model's configuration."""

    model_type: str = "xlm-token"
    num_labels: int = 1


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Stands where the package has its model: gives each block of a batch to a ``Forward``."""

    forward: Forward
    config: _OneLabel = _OneLabel()

    def __call__(
        self, *, input_ids: NDArray[np.int64], attention_mask: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        lengths = attention_mask.sum(axis=1).astype(np.int64).tolist()
        rows = [
            Encoded(tuple(ids[:length].tolist()))
            for ids, length in zip(input_ids, lengths, strict=True)
        ]
        logits = np.zeros((*input_ids.shape, 1), dtype=np.float32)
        for index, values in enumerate(self.forward(rows)):
            logits[index, : lengths[index], 0] = values
        return {"logits": logits}


class _Tokenizing:
    """Stands where the package has its tokenizer: one for each thread, control tokens as text."""

    def __init__(self, serialized: str) -> None:
        from tokenizers import Tokenizer

        known = Tokenizer.from_str(serialized)
        self.cls_token_id, self.sep_token_id, self.pad_token_id = (
            known.token_to_id(token) for token in ("<s>", "</s>", "<pad>")
        )
        if self.cls_token_id is None or self.sep_token_id is None or self.pad_token_id is None:
            raise Unavailable("the tokenizer has no <s>, </s> and <pad>")
        # The package leaves tokens out that equal these. There are none among ours.
        self.cls_token = self.sep_token = self.pad_token = None
        self._unknown: int | None = known.token_to_id("<unk>")
        self._controls = {id_ for id_, t in known.get_added_tokens_decoder().items() if t.special}
        self._tokenizers = ThreadTokenizers(lambda: Tokenizer.from_str(serialized))

    def __call__(self, texts: list[str], **_: object) -> dict[str, list[Any]]:
        encodings = self._tokenizers.encode(texts)
        if not all(encoding.ids for encoding in encodings):
            raise _NoTokens
        return {
            "input_ids": [self._plain(encoding.ids) for encoding in encodings],
            "offset_mapping": [encoding.offsets for encoding in encodings],
        }

    def _plain(self, ids: list[int]) -> list[int]:
        """Without control tokens: the vocabulary holds ``</s>`` as an ordinary piece too."""
        if self._unknown is None:
            return ids
        return [self._unknown if one in self._controls else one for one in ids]


def _package(place: Path, providers: Sequence[str], threads: int) -> Any:  # noqa: ANN401 - see below
    """The package's own model and tokenizer. ``Any``, because two of its parts get replaced."""
    with _environment_kept():
        import onnxruntime as ort
        from wtpsplit_lite import SaT

    absent = sorted({*providers} - {*ort.get_available_providers()})
    if absent:
        raise Unavailable(f"onnxruntime has no {', '.join(absent)} here")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # A path, not a string: what the package does not find by that name it would download.
    made = SaT(
        place,
        tokenizer_name_or_path=place,
        ort_providers=list(providers),
        ort_kwargs={"sess_options": options},
    )
    if "xlm" not in made.model.config.model_type:
        raise Unavailable(f"no SaT model, but one of type {made.model.config.model_type}")
    return made


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what the package does to the whole process as it is imported."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _check(threshold: float, stride: int, max_chars: int) -> None:
    if not 0 < threshold < 1:
        raise InvalidInput("threshold", f"a probability between 0 and 1, not {threshold}")
    if not 1 <= stride <= _BLOCK - 2:
        raise InvalidInput("stride", f"from 1 to {_BLOCK - 2} tokens, not {stride}")
    if max_chars < 1:
        raise InvalidInput("max_chars", f"a sentence has a character, not {max_chars}")


def _complete(directory: Path) -> Path:
    if not directory.is_dir():
        raise NotFound("sat_model", f"there is no directory {directory}")
    absent = [name for name in _FILES if not (directory / name).is_file()]
    if absent:
        raise Unavailable(f"no SaT model in {directory}: {', '.join(absent)} is missing")
    return directory


@contextmanager
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except (InvalidInput, Unavailable):
        raise
    except ImportError as error:
        problem = "SaT needs wtpsplit-lite: install condensery-server[sat]"
        raise Unavailable(problem) from error
    except Exception as error:
        raise Unavailable(f"the SaT model in {place} does not load: {error}") from error
