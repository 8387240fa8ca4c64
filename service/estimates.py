"""About how much a request will have the device read: quick, before anything is tokenised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Any, Final

from compressors.chain import AtRate
from compressors.crag import Crag, PaperCrag
from compressors.exit import Exit
from compressors.extractive import ExtractiveSummarizer
from compressors.llmlingua2 import Llmlingua2
from compressors.llmlingua2_parity import Llmlingua2Parity
from compressors.longllmlingua import LongLlmlingua
from compressors.models.causal_lm import CausalLmScorer
from compressors.protocols import Compressor, Summarizer
from compressors.tcra_semantic import Mode, TcraSemantic
from compressors.tcra_summary import TcraSummary
from service.request import BudgetSpec, Request

_ASCII: Final = 0.25
"""Tokens of an ASCII character, by the embedded model's vocabulary."""
_MORE: Final = 0.375
"""Tokens of each further byte of UTF-8: Chinese characters, of three bytes, are a token each."""
_WINDOW, _OVERLAP, _FRAME = 512, 64, 3
"""Tokens of what a model reads at once, of what two windows share, and those that it adds."""
_SENTENCE: Final = 24
"""Tokens of a sentence."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a stage is given, in tokens; ``tokens`` are those of all documents, with titles."""

    query: int
    documents: int
    tokens: float

    def shortened(self, share: float) -> Load:
        return Load(self.query, self.documents, self.tokens * min(1.0, share))


def tokens_of(text: str) -> int:
    """About how many tokens a text has, whatever its script; never 0."""
    if text.isascii():
        return int(len(text) * _ASCII) + 1
    more = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return int(len(text) * _ASCII + more * _MORE) + 1


def load_of(request: Request, *, found_characters: int) -> Load:
    """What the first stage is given; a document of an index is taken to have so many characters."""
    if request.index is not None:
        count = request.index.top_k
        return Load(tokens_of(request.query), count, count * found_characters * _ASCII)
    tokens = sum(tokens_of(each.text) + len(each.title) * _ASCII for each in request.documents)
    return Load(tokens_of(request.query), len(request.documents), tokens)


def estimated_tokens(load: Load, budget: BudgetSpec, stages: Sequence[Compressor]) -> int:
    """About how many tokens the models of all stages read together.

    Without a budget nothing is known of what a stage leaves to the next one, so it counts whole.
    """
    goal = budget.rate or (budget.max_tokens or load.tokens) / max(1.0, load.tokens)
    step = min(1.0, goal) ** (1 / len(stages))
    total = 0.0
    for stage in stages:
        total += _reads(_unwrapped(stage), load)
        load = load.shortened(stage.rate if isinstance(stage, AtRate) else step)
    return max(1, ceil(total))


def kind_of(stages: Iterable[Compressor]) -> str:
    """What requests have in common that cost alike: the stages and what serves them."""
    return " ".join(f"{stage.name}:{stage.backend}" for stage in stages)


def _unwrapped(stage: Compressor) -> Compressor:
    return stage.compressor if isinstance(stage, AtRate) else stage


def _reads(stage: Compressor, load: Load) -> float:
    reads = _READS.get(type(stage))
    # What is not known reads what it is given once.
    return load.query + load.tokens if reads is None else reads(stage, load)


def _exit(stage: Exit, load: Load) -> float:
    if isinstance(stage.scorer, CausalLmScorer):
        # The document once for all of its sentences, then each of these after it.
        return 2 * load.tokens + load.documents * (load.query + _FRAME)
    return _in_windows(load, load.query + _FRAME)


def _llmlingua2(_: Llmlingua2 | Llmlingua2Parity, load: Load) -> float:
    return _in_windows(load, _FRAME)


def _in_windows(load: Load, ahead: int) -> float:
    """Each document in windows, each with so many tokens ahead of it."""
    if not load.documents:
        return 0.0
    room = max(_OVERLAP + 1, _WINDOW - ahead)
    mean = load.tokens / load.documents
    windows = max(1, ceil((mean - _OVERLAP) / (room - _OVERLAP)))
    return load.tokens + load.documents * (windows * ahead + (windows - 1) * _OVERLAP)


def _crag(stage: Crag | PaperCrag, load: Load) -> float:
    # Documents for their clusters, then their sentences for what represents these.
    return load.query + load.tokens + _in_sentences(load) + _written(stage.summarizer, load)


def _tcra_summary(stage: TcraSummary, load: Load) -> float:
    return load.query + _in_sentences(load) + _written(stage.summarizer, load)


def _written(summarizer: Summarizer | None, load: Load) -> float:
    if summarizer is None or isinstance(summarizer, ExtractiveSummarizer):
        return 0.0
    return load.tokens


def _in_sentences(load: Load) -> float:
    return load.tokens * (1 + _FRAME / _SENTENCE)


def _tcra_semantic(stage: TcraSemantic, load: Load) -> float:
    if stage.mode is Mode.FAST:
        return _in_sentences(load)
    # Each sentence again without each of its words, up to what the stage reads at most.
    most = stage.max_encodings * (_SENTENCE + _FRAME)
    return min(_in_sentences(load) * _WORDS, max(_in_sentences(load), most))


_WORDS: Final = 16
"""Words of a sentence."""


def _nothing(_: LongLlmlingua, __: Load) -> float:
    # Its package runs the model itself.
    return 0.0


_READS: Mapping[type, Callable[[Any, Load], float]] = MappingProxyType(
    {
        Exit: _exit,
        Llmlingua2: _llmlingua2,
        Llmlingua2Parity: _llmlingua2,
        Crag: _crag,
        PaperCrag: _crag,
        TcraSummary: _tcra_summary,
        TcraSemantic: _tcra_semantic,
        LongLlmlingua: _nothing,
    }
)
"""How much a stage reads of what it is given."""
