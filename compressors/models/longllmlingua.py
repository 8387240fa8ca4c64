"""The causal language model of LongLLMLingua, which the package ``llmlingua`` reads with."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from compressors.errors import CompressionError, ModelFailure, Unavailable
from compressors.longllmlingua import Answer, Kept, Method
from compressors.models.loading import Placement, longest_input, named, pretrained
from compressors.work import Work, current

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from compressors.models.llmlingua_package import MarkingCompressor, Marks

MAX_TOKENS: Final = 4096
"""Tokens that are read at once even if the model could read more: logits are ``[tokens, words]``.

The package compresses longer texts too, with a window that moves over them.
"""
WINDOW: Final = 200
"""Tokens that the package compresses in one step (its ``iterative_size``), as in the paper."""
_LEAST_WINDOW: Final = 16
_WINDOWS: Final = 4
_LEAST_TOKENS: Final = 128
_POLL: Final = 0.05
"""Seconds after which a request that waits for its turn looks whether anybody waits for it."""


class LongLlmlinguaReader:
    """A ``QuestionReader``: any causal language model, read by the package ``llmlingua``.

    Thread-safe: the package is not, so that requests have their turn one after the other; none is
    batched with others. A request that is cancelled or late ends before its next forward pass.
    """

    def __init__(self, package: MarkingCompressor) -> None:
        self._package = package
        self._turn = threading.Lock()

    @classmethod
    def load(
        cls,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        max_tokens: int = MAX_TOKENS,
    ) -> LongLlmlinguaReader:
        """A model by name or path, from safetensors, without remote code and without tiktoken.

        Raises ``NotFound`` or ``Unavailable``, the latter also for a model that is not causal or
        whose cache the package cannot cut.
        """
        from transformers import AutoModelForCausalLM

        placement = Placement.of(device, dtype)
        with named(model), _random_as_before():
            from compressors.models.llmlingua_package import MarkingCompressor
        tokenizer = _tokenizer(model)
        loaded = pretrained(model, AutoModelForCausalLM, placement)
        limits = (longest_input(loaded), tokenizer.model_max_length, max_tokens)
        longest = min(limit for limit in limits if limit is not None)
        if longest < _LEAST_TOKENS:
            raise Unavailable(f"model {model} reads {longest} tokens, not {_LEAST_TOKENS}")
        package = MarkingCompressor(loaded, tokenizer, longest)
        with named(model):
            if not package.continues():
                raise Unavailable(f"model {model} does not continue from its cache: not causal?")
        return cls(package)

    def keep(self, question: str, texts: Sequence[str], share: float, method: Method) -> Answer:
        work = current()
        with _held(self._turn, work):
            work.check()
            start = time.perf_counter()
            try:
                marks, notes = self._marked(question, texts, share, method)
            except CompressionError:
                raise
            except Exception as error:
                raise ModelFailure(f"llmlingua failed on {len(texts)} documents") from error
            finally:
                work.spend(computing=time.perf_counter() - start)
        work.check()
        surprises = dict(marks.ranking)
        if not all(math.isfinite(surprise) for surprise in surprises.values()):
            raise ModelFailure("the model's likelihoods are not finite")
        kept = dict(zip(marks.used, marks.kept, strict=True))
        every = range(len(texts))
        return Answer([Kept(kept.get(i, ()), surprises.get(i, 0.0)) for i in every], notes)

    def _marked(
        self, question: str, texts: Sequence[str], share: float, method: Method
    ) -> tuple[Marks, tuple[str, ...]]:
        package = self._package
        asked = self._asked(question)
        tokens = sum(len(package.tokens_of(text)[0]) for text in texts)
        # Never -1, which would be no target.
        target = max(1, round(share * tokens))
        size = window_size(
            len(package.tokens_of(asked)[0]), tokens, target, package.max_position_embeddings
        )
        marks = package.marked(texts, **arguments(method, asked, target), iterative_size=size)
        notes = []
        if asked != question:
            notes.append("the question is too long: only its end was read")
        if marks.windowed:
            notes.append(f"too long to be ranked at once, ranked by windows: {marks.windowed}")
        return marks, tuple(notes)

    def _asked(self, question: str) -> str:
        # What remains beside the question must hold a window and what goes before it.
        _, offsets = self._package.tokens_of(question)
        room = self._package.max_position_embeddings // 4
        return question if len(offsets) <= room else question[offsets[-room][0] :].strip()


def window_size(question: int, tokens: int, target: int, longest: int) -> int:
    """The package's ``iterative_size``, given the tokens of question, texts, target and model.

    It never cuts what does not fill a window, so that few tokens get smaller ones. Two windows
    and the question must fit into the model, else it cuts the question's middle out.
    """
    read = min(tokens, target + 100)
    return max(_LEAST_WINDOW, min(WINDOW, read // _WINDOWS, (longest - question) // 4))


def arguments(method: Method, question: str, target: int) -> dict[str, object]:
    """The arguments of the package's ``compress_prompt``, but for its ``iterative_size``."""
    return {
        "question": question,
        "target_token": target,
        "condition_in_question": method.condition_in_question,
        "reorder_context": method.reorder_context,
        "dynamic_context_compression_ratio": method.dynamic_context_compression_ratio,
        "context_budget": method.context_budget,
        "condition_compare": True,
        "rank_method": "longllmlingua",
        "concate_question": False,
    }


def _tokenizer(model: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    with named(model):
        # What looks like a control token in a text is plain text.
        loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            model, trust_remote_code=False, split_special_tokens=True
        )
    if not getattr(loaded, "is_fast", False):
        raise Unavailable(f"model {model} has no fast tokenizer")
    return loaded


@contextmanager
def _random_as_before() -> Iterator[None]:
    # nltk, which the package imports, draws numbers while it is imported.
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _held(turn: threading.Lock, work: Work) -> Iterator[None]:
    """Have one's turn, or stop waiting for it once the request is cancelled or late."""
    start = time.perf_counter()
    try:
        while not turn.acquire(timeout=_POLL):
            work.check()
    finally:
        work.spend(queued=time.perf_counter() - start)
    try:
        yield
    finally:
        turn.release()
