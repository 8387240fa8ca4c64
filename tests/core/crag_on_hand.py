"""Reviews, writers and both ways to cluster, made by hand for the tests of CRAG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from compressors.budget import Budget
from compressors.clusters import Clustering, parted
from compressors.crag import Crag, PaperCrag
from compressors.extractive import ExtractiveSummarizer
from compressors.protocols import Summarizer, Summary
from compressors.segmentation import RuleSegmenter
from compressors.values import Context, Passage, Source
from retrieval.clustering import EuclideanKMeans, SphericalKMeans
from tests.retrieval.encoders_on_hand import BagEncoder

TOPICS = {
    "food": "Breakfast tasted great. The cook made eggs. Breakfast eggs were great food.",
    "room": "Our room was clean. The bed and the room were large. A large clean room.",
    "place": "Close to the beach. The beach is near the hotel. Near beach and bus.",
    "staff": "Staff helped us. The friendly staff smiled. Helpful friendly staff.",
}
OUTLIER = "Bedbugs bit my daughter."


def reviews(n: int) -> list[str]:
    """Reviews in turn of four topics, each a little different."""
    topics = list(TOPICS.values())
    return [f"{topics[i % 4]} Visitor{i} wrote." for i in range(n)]


def crag(summarizer: Summarizer | None = None, **changes: Any) -> Crag:
    made = Crag(
        BagEncoder(), SphericalKMeans(), RuleSegmenter(), "bag", summarizer, query_weight=0.0
    )
    return replace(made, **changes)


@dataclass(frozen=True)
class FirstWords:
    """A ``Summarizer`` that gives the first words that fit, and remembers what it was asked."""

    tokens: int = 5
    asked: list[tuple[str, int]] = field(default_factory=list)
    name: str = "first-words"

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        self.asked.append((query, limit.max_tokens or 0))
        words = " ".join(p.text for p in passages).split()[
            : min(self.tokens, limit.max_tokens or 0)
        ]
        sources = tuple(Source(p.document.id, s.start, s.end) for p in passages for s in p.spans)
        return Summary(" ".join(words).lower(), sources, tokens_spent=7)


@dataclass(frozen=True)
class Saying:
    """A ``Summarizer`` that always says the same."""

    text: str
    name: str = "saying"

    def summarize(self, query: str, passages: Sequence[Passage], limit: Budget) -> Summary:
        return Summary(self.text, (Source(passages[0].document.id, 0, 1),))


SEGMENTER = RuleSegmenter()
EXTRACTIVE = ExtractiveSummarizer(BagEncoder(), SEGMENTER)
HEADER = re.compile(r"(\d+) of (\d+) documents:")

numbers = st.integers(4, 24)
limits = st.integers(1, 300)
ks = st.none() | st.integers(1, 12)
mixed = st.lists(
    st.sampled_from([*reviews(12), OUTLIER, " ", "", "Breakfast tasted great."]), max_size=24
)


def paper(**changes: Any) -> PaperCrag:
    made = PaperCrag(BagEncoder(), EuclideanKMeans(), SEGMENTER, "bag", EXTRACTIVE)
    return replace(made, **changes)


def clusters_of(given_context: Context, k: int | None) -> list[set[int]]:
    """The documents of each cluster by their places."""
    members, copies = parted(given_context)
    if not members:
        return []
    clustering = Clustering(BagEncoder(), SphericalKMeans(), SEGMENTER)
    found = clustering.of(members, k, copies=copies)
    return [{*cluster.members, *cluster.copies} for cluster in found]


def sizes(result: Context) -> tuple[int, list[int]]:
    """What the first note says: the number of documents, and that of each cluster."""
    note = re.match(r"(\d+) documents in (\d+) clusters: ([\d, ]+)", result.notes[0])
    assert note
    found = [int(size) for size in note[3].split(",")]
    assert len(found) == int(note[2])
    return int(note[1]), found
