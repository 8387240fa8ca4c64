"""How each stage is made of models, for the options that a request sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from compressors.crag import Crag, PaperCrag
from compressors.errors import InvalidInput
from compressors.exit import Exit
from compressors.extractive import ExtractiveSummarizer
from compressors.llmlingua2 import Llmlingua2
from compressors.llmlingua2_parity import Llmlingua2Parity
from compressors.longllmlingua import LongLlmlingua, QuestionReader
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.exit.overflow import Overflow
from compressors.parity.tokens import TokenProbabilities
from compressors.protocols import (
    Compressor,
    Encoder,
    Segmenter,
    SentenceScorer,
    Summarizer,
    TokenScorer,
)
from compressors.tcra_semantic import Mode, TcraSemantic
from compressors.tcra_summary import TcraSummary
from retrieval.clustering import EuclideanKMeans, SphericalKMeans
from service.catalogue import Backend, named

EXTRACTIVE = "extractive"


def exit_backends(
    scorers: Mapping[str, SentenceScorer], segmenter: Segmenter
) -> dict[str, Backend]:
    return {name: partial(_made_exit, name, scorer, segmenter) for name, scorer in scorers.items()}


def _made_exit(
    name: str, scorer: SentenceScorer, segmenter: Segmenter, options: Mapping[str, Any]
) -> Compressor:
    values = dict(options)
    overflow = values.pop("overflow", None)
    if overflow is not None:
        if not isinstance(scorer, CausalLmScorer):
            raise InvalidInput("exit.overflow", f"the backend {name} reads documents of any length")
        scorer = scorer.overflowing(Overflow(overflow))
    return Exit(scorer, segmenter, name, **values)


def llmlingua2_backends(
    scorers: Mapping[str, TokenScorer], parities: Mapping[str, TokenProbabilities]
) -> dict[str, Backend]:
    """``parities`` are those of the scorers' models that can do what the package does."""
    return {
        name: partial(_made_llmlingua2, name, scorer, parities.get(name))
        for name, scorer in scorers.items()
    }


def _made_llmlingua2(
    name: str,
    scorer: TokenScorer,
    probabilities: TokenProbabilities | None,
    options: Mapping[str, Any],
) -> Compressor:
    values = dict(options)
    parity = values.pop("parity", None)
    if parity is None:
        return Llmlingua2(scorer, name, **values)
    if probabilities is None:
        raise InvalidInput("llmlingua2.parity", f"the backend {name} cannot do that")
    if values:
        field = next(iter(values))
        raise InvalidInput(f"llmlingua2.{field}", "is no option of parity")
    return Llmlingua2Parity(probabilities, f"{name}+parity", parity)


def summarizing_backends(
    made: Callable[..., Compressor],
    encoders: Mapping[str, Encoder],
    segmenter: Segmenter,
    summarizers: Mapping[str, Summarizer],
) -> dict[str, Backend]:
    """What ``made`` makes for each encoder; requests choose the summarizer."""
    return {
        name: partial(made, name, encoder, segmenter, summarizers)
        for name, encoder in encoders.items()
    }


def made_crag(
    name: str,
    encoder: Encoder,
    segmenter: Segmenter,
    summarizers: Mapping[str, Summarizer],
    options: Mapping[str, Any],
) -> Compressor:
    values = dict(options)
    is_paper = values.pop("mode", "adaptive") == "paper"
    wanted = values.pop("summarizer", EXTRACTIVE if is_paper else None)
    if wanted is not None:
        values["summarizer"] = named(summarizers, wanted, "crag.summarizer")
        name = f"{name}+{wanted}"
    if not is_paper:
        return Crag(encoder, SphericalKMeans(), segmenter, name, **values)
    if "query_weight" in values:
        raise InvalidInput("crag.query_weight", "the paper's mode does not read the query")
    return PaperCrag(encoder, EuclideanKMeans(), segmenter, f"{name}+paper", **values)


def made_tcra_summary(
    name: str,
    encoder: Encoder,
    segmenter: Segmenter,
    summarizers: Mapping[str, Summarizer],
    options: Mapping[str, Any],
) -> Compressor:
    extractive = ExtractiveSummarizer(encoder, segmenter)
    wanted = options.get("summarizer", EXTRACTIVE)
    summarizer = named(summarizers, wanted, "tcra_summary.summarizer")
    if wanted == EXTRACTIVE:
        # The stage's own way is as extractive, and keeps spans of the documents.
        return TcraSummary(extractive, name)
    return TcraSummary(extractive, f"{name}+{wanted}", summarizer)


def tcra_semantic_backends(
    encoders: Mapping[str, Encoder], segmenter: Segmenter
) -> dict[str, Backend]:
    return {
        name: partial(_made_tcra_semantic, name, encoder, segmenter)
        for name, encoder in encoders.items()
    }


def _made_tcra_semantic(
    name: str, encoder: Encoder, segmenter: Segmenter, options: Mapping[str, Any]
) -> Compressor:
    values = dict(options)
    mode = Mode(values.pop("mode", Mode.EXACT))
    name = f"{name}+fast" if mode is Mode.FAST else name
    return TcraSemantic(encoder, segmenter, name, mode=mode, **values)


def longllmlingua_backends(readers: Mapping[str, QuestionReader]) -> dict[str, Backend]:
    return {name: partial(_made_longllmlingua, name, reader) for name, reader in readers.items()}


def _made_longllmlingua(
    name: str, reader: QuestionReader, options: Mapping[str, Any]
) -> Compressor:
    return LongLlmlingua(reader, name, **options)
