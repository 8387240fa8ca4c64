"""Summaries made of sentences that stand in the documents: no model writes, nothing is invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compressors.budget import Budget, share_of
from compressors.errors import InvalidInput
from compressors.protocols import Encoder, Segmenter, Summary
from compressors.representatives import Representatives
from compressors.selection import select
from compressors.values import Context, Passage, Source


@dataclass(frozen=True, slots=True)
class ExtractiveSummarizer:
    """A ``Summarizer`` that takes the most representative sentences, in their order.

    This is not what the TCRA paper calls summarization, which is a fine-tuned mT5. Without a limit
    the summary has ``rate`` of the tokens given. At least one sentence is taken, cut where a token
    ends if it must. The weights are those of ``Representatives``.
    """

    encoder: Encoder
    segmenter: Segmenter
    query_weight: float = 0.5
    position_weight: float = 0.05
    diversity: float = 0.3
    rate: float = 0.5
    name: str = "extractive"

    def __post_init__(self) -> None:
        # Building it checks the weights.
        _ = self.representatives
        if not 0.0 < self.rate <= 1.0:
            raise InvalidInput("rate", f"must be in (0, 1], is {self.rate}")

    @property
    def representatives(self) -> Representatives:
        """What ranks the sentences."""
        return Representatives(
            self.encoder,
            self.segmenter,
            self.query_weight,
            self.position_weight,
            self.diversity,
        )

    def summarize(self, query: str, passages: Sequence[Passage], budget: Budget) -> Summary:
        """Raises ``InvalidInput`` if there is no text."""
        group = {index: passage for index, passage in enumerate(passages) if passage.spans}
        if not group:
            raise InvalidInput("passages", "hold no text")
        context = Context(query, tuple(passages))
        limit = budget.max_tokens or share_of(budget.count(context.text), self.rate)
        (sentences,) = self.representatives.ranked(query, [group])
        candidates = [part for sentence in sentences for part in sentence]
        kept = select(context, candidates, budget.limited_to(limit), threshold=0.0)
        return Summary(kept.text, sources_of(kept.passages))


def sources_of(passages: Sequence[Passage]) -> tuple[Source, ...]:
    """The kept spans of passages as sources.

    A span of a summary counts as all that the summary was written from, so that sources always
    name documents that the caller has sent.
    """
    found: dict[Source, None] = {}
    for passage in passages:
        document = passage.document
        own = (Source(document.id, span.start, span.end) for span in passage.spans)
        found.update(dict.fromkeys(document.sources if document.sources and passage.spans else own))
    return tuple(found)
