"""What a written summary must be before anybody gets it: within its budget, and no invention."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from compressors.budget import Budget
from compressors.errors import ModelFailure
from compressors.lexical import words
from compressors.segmentation import RuleSegmenter
from compressors.summaries import objection
from compressors.values import Passage, Source, assemble

_LEAST_SHARED: Final = 0.3
"""Share of a summary's words that stand in its source. Another language, or noise, has less."""
_ENDED = re.compile(r"[.!?…。！？｡؟।॥‽][\"'”’»›)\]」』）】》〉]*\s*$")
_SEGMENTER = RuleSegmenter()


def limit_of(passages: Sequence[Passage], budget: Budget) -> int:
    """Tokens that a summary may have: those of the budget, and never more than its source has.

    Without a budget, half of the source.
    """
    source = budget.count(assemble(passages))
    limit = (source + 1) // 2 if budget.max_tokens is None else budget.max_tokens
    return max(1, min(limit, source))


def accepted(text: str, passages: Sequence[Passage], budget: Budget, *, ended: bool = True) -> str:
    """The summary, cut at the end of a sentence to what it may have.

    ``ended`` says whether its writer came to an end; if not, the last sentence is a fragment. What
    cannot be repaired raises ``ModelFailure`` with the reason: nothing is left, a number or a name
    is not in the source, it repeats itself, or hardly a word of it stands in the source.
    """
    limited = budget.limited_to(limit_of(passages, budget))
    cut = trimmed(text if ended else without_fragment(text), limited)
    if not cut:
        problem = "ends within its first sentence" if text.strip() else "is blank"
        if text.strip() and without_fragment(text):
            problem = f"has no sentence that fits into {limited.max_tokens} tokens"
        raise ModelFailure(f"the summary {problem}")
    if reason := objection(cut, passages, limited) or _strange(cut, passages):
        raise ModelFailure(f"the summary is refused: {reason}")
    return cut


def trimmed(text: str, budget: Budget) -> str:
    """The first sentences of a text that fit; empty if not even one does."""
    text = text.strip()
    if budget.fits(text):
        return text
    ends = [end for _, end in _SEGMENTER.spans(text)]
    # Longest first: tokens grow with the text, but not by a rule that a search could rely on.
    for end in reversed(ends):
        if budget.fits(head := text[:end].rstrip()):
            return head
    return ""


def without_fragment(text: str) -> str:
    """The text without its last sentence, unless that has an end."""
    text = text.strip()
    if not text or _ENDED.search(text):
        return text
    start, _ = _SEGMENTER.spans(text)[-1]
    return text[:start].rstrip()


def sources_of(passages: Sequence[Passage]) -> tuple[Source, ...]:
    """Where in the originals the passages come from; those of a summary for a summary."""
    return tuple(
        source
        for passage in passages
        for source in (
            passage.document.sources
            or [Source(passage.document.id, span.start, span.end) for span in passage.spans]
        )
    )


def _strange(summary: str, passages: Sequence[Passage]) -> str:
    known = set(words(assemble(passages)))
    known.update(word for passage in passages for word in words(passage.document.title))
    own = words(summary)
    shared = sum(word in known for word in own)
    return "" if shared >= _LEAST_SHARED * len(own) else "hardly a word of it is in its source"
