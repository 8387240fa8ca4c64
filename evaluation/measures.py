"""What one method left of one example, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.answers import exact_match, mentions, overlap
from evaluation.values import Example, Kept, Range, Shortened


@dataclass(frozen=True, slots=True)
class Outcome:
    """One example at one point; ``None`` where there is nothing to measure.

    ``tokens_before`` and ``tokens_after`` count the texts without titles, ``answered`` is whether
    an answer still occurs, ``recall`` and ``precision`` are about the support, ``em`` and ``f1``
    about the reader. ``empty``: nothing kept though something was given; ``longer``: more tokens
    after than before. ``seconds`` is what the method took.
    """

    id: str
    tokens_before: int
    tokens_after: int
    answered: bool | None
    recall: float | None
    precision: float | None
    em: float | None
    f1: float | None
    empty: bool
    longer: bool
    seconds: float


def measured(
    example: Example,
    shortened: Shortened,
    *,
    before: int,
    after: int,
    seconds: float,
    prediction: str | None,
) -> Outcome:
    """Measure what is left of ``example``; ``before`` and ``after`` are its tokens.

    ``prediction`` is the reader's answer, ``None`` without a reader. Raises ``ValueError`` if
    ``shortened`` does not fit the example: a method that says so has a bug.
    """
    _check(example, shortened)
    read = prediction if example.answers else None
    recall, precision = _support(example, shortened)
    return Outcome(
        id=example.id,
        tokens_before=before,
        tokens_after=after,
        answered=_answered(example.answers, shortened) if example.answers else None,
        recall=recall,
        precision=precision,
        em=None if read is None else exact_match(read, example.answers),
        f1=None if read is None else overlap(read, example.answers),
        empty=before > 0 and not any(kept.text.strip() for kept in shortened),
        longer=after > before,
        seconds=seconds,
    )


def _check(example: Example, shortened: Shortened) -> None:
    last = -1
    for kept in shortened:
        if not last < kept.document < len(example.documents):
            raise ValueError(f"{example.id}: document {kept.document} cannot come after {last}")
        last = kept.document
        at = 0
        for start, end in kept.spans or ():
            if not at <= start < end <= len(example.documents[last].text):
                raise ValueError(f"{example.id}: document {last} has no span [{start}, {end})")
            at = end


def _answered(answers: Sequence[str], shortened: Shortened) -> bool:
    # One by one: no answer begins in one document and ends in the next.
    return any(mentions(kept.text, answers) for kept in shortened)


def _support(example: Example, shortened: Shortened) -> tuple[float | None, float | None]:
    needed = [(at, part) for at, one in enumerate(example.documents) for part in one.support]
    spans = _spans(shortened)
    if not needed or spans is None:
        return None, None
    shares = []
    inside = 0
    for at, part in needed:
        text = example.documents[at].text
        common = sum(_weight(text, *_shared(part, span)) for span in spans.get(at, ()))
        inside += common
        shares.append(2 * common > _weight(text, *part))
    total = sum(
        _weight(example.documents[at].text, *span) for at, kept in spans.items() for span in kept
    )
    return sum(shares) / len(shares), inside / total if total else None


def _spans(shortened: Sequence[Kept]) -> Mapping[int, Sequence[Range]] | None:
    spans = {kept.document: kept.spans for kept in shortened if kept.spans is not None}
    return spans if len(spans) == len(shortened) else None


def _shared(one: Range, other: Range) -> Range:
    start = max(one[0], other[0])
    return start, max(start, min(one[1], other[1]))


def _weight(text: str, start: int, end: int) -> int:
    return sum(map(len, text[start:end].split()))
