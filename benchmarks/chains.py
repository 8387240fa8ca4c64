"""What whole chains keep at equal token rate: ``python -m benchmarks.chains``.

The same sets as ``benchmarks.quality``, but through the product's own ``Chain``; the chain named
`default` is the one that this table says is best.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from statistics import fmean

from benchmarks.product import Last
from benchmarks.quality import Request, requests
from compressors import Budget, Chain, Compressor, Context, Document, Exit, Llmlingua2, share_of
from compressors.crag import Crag
from compressors.extractive import ExtractiveSummarizer
from compressors.models.embedded import EmbeddedModel
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from compressors.tcra_summary import TcraSummary
from retrieval.clustering import SphericalKMeans
from training.holdout import normalised

_RATES = (0.1, 0.2, 0.3)


_ORDERS = (
    ("exit",),
    ("llmlingua2",),
    ("crag",),
    ("tcra-summary",),
    ("exit", "llmlingua2"),
    ("exit", "crag"),
    ("exit", "llmlingua2", "crag", "tcra-summary"),
)


def chains(wanted: Sequence[str]) -> dict[str, Chain]:
    """The chains to compare, by their stages joined with a plus."""
    model, encoder, segmenter = (
        EmbeddedModel.load(),
        MiniLmEncoder.load(),
        StructuredSegmenter(RuleSegmenter()),
    )
    stages: dict[str, Compressor] = {
        "exit": Exit(Last(model.sentences), segmenter, "embedded"),
        "llmlingua2": Llmlingua2(model.words, "embedded"),
        "crag": Crag(encoder, SphericalKMeans(), segmenter, "embedded"),
        "tcra-summary": TcraSummary(ExtractiveSummarizer(encoder, segmenter), "embedded"),
    }
    orders = {"+".join(order): order for order in _ORDERS}
    return {name: Chain(tuple(stages[one] for one in orders[name])) for name in wanted}


def kept(chain: Chain, request: Request, rate: float, budget: Budget) -> tuple[bool, float]:
    """Whether an answer is in the text, and the achieved rate."""
    documents = [Document(str(i), one.text, one.title) for i, one in enumerate(request.documents)]
    context = Context.of(request.query, documents)
    tokens = budget.count(context.text)
    result = chain.compress(context, budget.limited_to(share_of(tokens, rate)))
    words = f" {normalised(result.text)} "
    found = any(f" {normalised(answer)} " in words for answer in request.answers)
    return found, budget.count(result.text) / tokens


def row(chain: Chain, asked: Sequence[Request]) -> str:
    """Answers kept and achieved token rate at each rate."""
    budget = Budget(MiniLmCounter())
    results = [[kept(chain, request, rate, budget) for rate in _RATES] for request in asked]
    by_rate = zip(*results, strict=True)
    means = [[fmean(column) for column in zip(*part, strict=True)] for part in by_rate]
    return "   ".join(f"{answered:.3f} @ {achieved:.3f}" for answered, achieved in means)


def main() -> None:
    """Print the table."""
    names = ["+".join(order) for order in _ORDERS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=60, help="requests of each set at most")
    parser.add_argument("--chains", nargs="*", default=names, choices=names)
    arguments = parser.parse_args()
    compared = chains(arguments.chains)
    sys.stdout.write(f"{'set':10}{'chain':45}answers kept @ token rate at {_RATES}\n")
    for name, sample in requests(arguments.limit).items():
        asked = [request for request in sample if request.answers]
        for label, chain in compared.items():
            sys.stdout.write(f"{name:10}{label:45}{row(chain, asked)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
