"""LLMLingua-2 as the package llmlingua 0.2.2 has it: its decisions, as slices of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from compressors.budget import Budget
from compressors.parity.decisions import decide
from compressors.parity.places import Origin, Placed, placed
from compressors.parity.tokens import PackageTokens, TokenProbabilities
from compressors.parity.values import Decision, Decisions, ParityOptions
from compressors.selection import inside, runs
from compressors.values import Context, Passage, Span, join_slices
from compressors.work import current


@dataclass(frozen=True, slots=True)
class Llmlingua2Parity:
    """A ``Compressor`` that keeps the words that the package would keep, and only those.

    A limit of the budget is the package's ``target_token``, which takes the place of ``rate`` and
    is as inexact as the package: the result may be longer. Tokens are counted as the budget counts.
    Words that do not stand in the source as the package has them, such as a part of a ligature, are
    left out, and it is noted how many. Two promises of the service are kept, and noted, where the
    package would break them: protected texts stay, and something stays unless the caller allows
    nothing. Raises ``InvalidInput`` where the package fails.
    """

    model: TokenProbabilities
    backend: str
    options: ParityOptions = field(default_factory=ParityOptions)
    name: str = "llmlingua2"

    def compress(self, context: Context, budget: Budget) -> Context:
        readings = {i: _Reading.of(p) for i, p in enumerate(context.passages) if p.spans}
        if not readings:
            return context
        options = self._options(tuple(readings), budget)
        texts = [reading.text for reading in readings.values()]
        decisions = decide(self.model, texts, options, budget.counter.count)
        if not any(decisions.texts) and not context.allow_empty:
            decisions = _with_best_word(decisions)
        kept, lost = _kept(self.model.tokens, readings, decisions)
        if lost:
            current().note(f"{lost} kept words do not stand in the source and are left out")
        protected = _with_protected(context, kept)
        return replace(context, passages=tuple(protected))

    def _options(self, given: Sequence[int], budget: Budget) -> ParityOptions:
        """The options for the documents that have text; their indexes are those of the request."""
        forced = tuple(given.index(i) for i in self.options.force_context_ids if i in given)
        options = replace(self.options, force_context_ids=forced)
        if budget.max_tokens is None:
            return options
        return replace(options, target_token=budget.max_tokens)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The text of a passage, and where its spans begin in it and in the document."""

    passage: Passage
    text: str
    starts: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, passage: Passage) -> _Reading:
        document, starts, position = passage.document.text, [], 0
        before: Span | None = None
        for span in passage.spans:
            if before is not None:
                pair = len(join_slices(document, (before, span)))
                position += pair - len(before) - len(span)
            starts.append((position, span.start))
            position += len(span)
            before = span
        return cls(passage, passage.text, tuple(starts))

    def spans(self, places: Sequence[Placed]) -> list[Span]:
        """Words of the text as spans of the document; one over a gap becomes two."""
        sections = [
            Span(at, at + len(s))
            for (at, _), s in zip(self.starts, self.passage.spans, strict=True)
        ]
        found: list[Span] = []
        section = 0
        for word in places:
            while section < len(sections) and sections[section].end <= word.start:
                section += 1
            for index in range(section, len(sections)):
                own = sections[index]
                left, right = max(word.start, own.start), min(word.end, own.end)
                if left >= right:
                    break
                shift = self.starts[index][1] - self.starts[index][0]
                found.append(Span(left + shift, right + shift, min(1.0, max(0.0, word.value))))
        return found


def _kept(
    tokens: PackageTokens, readings: dict[int, _Reading], decisions: Decisions
) -> tuple[dict[int, Passage], int]:
    """What is kept of each passage that has text, and how many words were not found in it."""
    kept: dict[int, Passage] = {}
    lost = 0
    for (index, reading), decision, encoding in zip(
        readings.items(), decisions.documents, decisions.encodings, strict=True
    ):
        if not decision.kept:
            kept[index] = reading.passage.keeping(())
        elif decision.judged:
            origin = Origin.of(reading.text, decisions.names, encoding)
            placing = placed(reading.text, decision, origin, tokens)
            kept[index] = _in_runs(reading.passage, reading.spans(placing.places))
            lost += placing.lost
        else:
            kept[index] = reading.passage
    return kept, lost


def _with_best_word(decisions: Decisions) -> Decisions:
    """Where the package leaves nothing of all documents: the word that is worth most."""
    best = max(
        (
            (float(value), -document, -part, -word)
            for document, decision in enumerate(decisions.documents)
            for part, judged in enumerate(decision.judged)
            for word, value in enumerate(judged.words.values)
        ),
        default=None,
    )
    if best is None:
        return decisions
    current().note("the package keeps nothing; the word that is worth most stays")
    _, document, part, word = (-number for number in best)
    documents = list(decisions.documents)
    documents[int(document)] = _keeping(documents[int(document)], int(part), int(word))
    return replace(decisions, documents=tuple(documents))


def _keeping(decision: Decision, part: int, word: int) -> Decision:
    judged = list(decision.judged)
    kept = judged[part].kept.copy()
    kept[word] = True
    judged[part] = replace(judged[part], kept=kept)
    return replace(decision, judged=tuple(judged))


def _with_protected(context: Context, kept: dict[int, Passage]) -> list[Passage]:
    passages = [kept.get(index, passage) for index, passage in enumerate(context.passages)]
    if not context.protection:
        return passages
    added = 0
    for index, (given, own) in enumerate(zip(context.passages, passages, strict=True)):
        ranges = context.protection.ranges(given.document)
        spans = [Span(start, end) for start, end in inside(ranges, given.spans)]
        missing = [span for span in spans if not _covered(span, own.spans)]
        if missing:
            passages[index] = _in_runs(given, _joined([*own.spans, *missing]))
            added += len(missing)
    if added:
        current().note(f"{added} protected texts stay that the package would drop or cut")
    return passages


def _in_runs(passage: Passage, spans: Sequence[Span]) -> Passage:
    found = runs(passage.document.text, [(s.start, s.end, s.score) for s in spans])
    return passage.keeping([Span(*one) for one in found])


def _covered(span: Span, spans: Sequence[Span]) -> bool:
    return any(own.start <= span.start and span.end <= own.end for own in spans)


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Sorted and disjoint; those that overlap as one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start < joined[-1].end:
            last = joined[-1]
            joined[-1] = Span(last.start, max(last.end, span.end), max(last.score, span.score))
        else:
            joined.append(span)
    return joined
