"""What whole chains keep at equal token rate: ``python -m benchmarks.chains``.

The same sets as ``benchmarks.quality``, but through the product's own ``Chain``; the chain named
`default` is the one that this table says is best.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from benchmarks.quality import Request, requests
from compressors import Budget, Chain, Compressor, Context, Document, Exit, Llmlingua2, share_of
from compressors.crag import Crag
from compressors.extractive import ExtractiveSummarizer
from compressors.models.embedded import EmbeddedModel
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.segmentation import RuleSegmenter
from compressors.tcra_summary import TcraSummary
from retrieval.clustering import SphericalKMeans
from training.holdout import normalised

_RATES = (0.1, 0.2, 0.3)


def chains() -> dict[str, Chain]:
    """The chains to compare."""
    model, encoder, segmenter = EmbeddedModel.load(), MiniLmEncoder.load(), RuleSegmenter()
    stages: dict[str, Compressor] = {
        "exit": Exit(model.sentences, segmenter, "embedded"),
        "llmlingua2": Llmlingua2(model.words, "embedded"),
        "crag": Crag(encoder, SphericalKMeans(), segmenter, "minilm"),
        "tcra-summary": TcraSummary(ExtractiveSummarizer(encoder, segmenter), "minilm"),
    }
    orders = [
        ("exit",),
        ("llmlingua2",),
        ("crag",),
        ("tcra-summary",),
        ("exit", "llmlingua2"),
        ("exit", "crag"),
        ("exit", "llmlingua2", "crag", "tcra-summary"),
    ]
    return {"+".join(order): Chain(tuple(stages[name] for name in order)) for order in orders}


def kept(chain: Chain, request: Request, rate: float, budget: Budget) -> tuple[bool, float, float]:
    """Whether an answer is in the text, the achieved rate, and seconds."""
    documents = [Document(str(i), one.text, one.title) for i, one in enumerate(request.documents)]
    context = Context.of(request.query, documents)
    tokens = budget.count(context.text)
    start = time.perf_counter()
    result = chain.compress(context, budget.limited_to(share_of(tokens, rate)))
    seconds = time.perf_counter() - start
    words = f" {normalised(result.text)} "
    found = any(f" {normalised(answer)} " in words for answer in request.answers)
    return found, budget.count(result.text) / tokens, seconds


def rows(asked: Sequence[Request], name: str, write: Callable[[str], object]) -> None:
    """One line for each chain on one set."""
    budget = Budget(MiniLmCounter())
    for label, chain in chains().items():
        cells = []
        for rate in _RATES:
            results = [kept(chain, request, rate, budget) for request in asked]
            answered, achieved, seconds = (fmean(column) for column in zip(*results, strict=True))
            cells.append(f"{answered:.3f} @ {achieved:.3f} {seconds * 1000:5.0f} ms")
        write(f"{name:10}{label:45}" + "   ".join(cells) + "\n")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=60, help="requests of each set at most")
    arguments = parser.parse_args()
    sys.stdout.write(f"{'set':10}{'chain':45}answers kept @ token rate, time, at {_RATES}\n")
    for name, asked in requests(arguments.limit).items():
        rows([request for request in asked if request.answers], name, sys.stdout.write)


if __name__ == "__main__":
    main()
