"""Summaries that were written before: a bounded memory, and the summarizer that asks it first."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

from compressors.budget import Budget
from compressors.errors import InvalidInput, ModelFailure
from compressors.protocols import Summarizer, Summary
from compressors.summaries import objection
from compressors.values import Passage, Source
from compressors.work import current

_PLACE = 16
"""Characters that a source counts for."""
_STEPS = 4
"""Bits of a limit that count; the lower ones are taken as 0."""


@dataclass(frozen=True, slots=True)
class Place:
    """A range of the passage of that rank; ``None`` for all that a summary was written from."""

    rank: int
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A summary without the ids of a request: its sources are by the rank of their passages."""

    text: str
    places: tuple[Place, ...]
    tokens: int
    """What the summarizer read and wrote for it."""

    @property
    def characters(self) -> int:
        return len(self.text) + _PLACE * len(self.places)


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache holds, and how often it was asked for something that it did or did not hold."""

    entries: int
    characters: int
    hits: int
    misses: int


class SummaryCache:
    """Holds the entries that were used last, within two limits. Thread-safe; nothing is on disk."""

    def __init__(self, *, max_entries: int = 1000, max_characters: int = 4_000_000) -> None:
        for name, value in (("max_entries", max_entries), ("max_characters", max_characters)):
            if value < 1:
                raise InvalidInput(f"summary_cache.{name}", f"must be at least 1, is {value}")
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._writing: set[bytes] = set()
        self._changed = threading.Condition()
        self._characters = self._hits = self._misses = 0

    @property
    def stats(self) -> CacheStats:
        with self._changed:
            return CacheStats(len(self._entries), self._characters, self._hits, self._misses)

    def entry(self, key: bytes, write: Callable[[], Entry]) -> tuple[Entry, bool]:
        """The entry of a key, and whether it was there already; if not, ``write`` makes it.

        While one caller writes, others with the same key wait for the result. What ``write``
        raises only its own caller gets, and nothing is kept; the next one writes then. Raises what
        ``Work.check`` raises while it waits.
        """
        if (found := self._found(key)) is not None:
            return found, True
        try:
            made = write()
            with self._changed:
                self._keep(key, made)
        finally:
            with self._changed:
                self._writing.discard(key)
                self._changed.notify_all()
        return made, False

    def _found(self, key: bytes) -> Entry | None:
        """The entry, or ``None`` if the caller is to write it."""
        work = current()
        with self._changed:
            if key in self._writing:
                work.on_cancel(self._wake)
            while key in self._writing:
                work.check()
                self._changed.wait(work.remaining)
            if (found := self._entries.get(key)) is None:
                self._misses += 1
                self._writing.add(key)
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            return found

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _keep(self, key: bytes, entry: Entry) -> None:
        if entry.characters > self._max_characters:
            return
        self._entries[key] = entry
        self._characters += entry.characters
        while len(self._entries) > self._max_entries or self._characters > self._max_characters:
            _, oldest = self._entries.popitem(last=False)
            self._characters -= oldest.characters


def _code() -> str:
    try:
        return version("condensery")
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True, slots=True)
class CachedSummarizer:
    """A ``Summarizer`` that writes no summary twice.

    A summary is found again by the set of passages, whatever their ids and order, the limit and
    how it is counted, the query unless ``reads_query`` is false, ``identity`` and the version of
    this package; of another tenant it is not found, who would learn from the time that it takes
    what others have asked. ``identity`` names the model and whatever else the text depends on;
    without one the summarizer's name does.

    So that a summary is the same whether it was there or not, the summarizer always gets the
    passages in one order, by their texts, and of a limit only the upper bits count: a set that
    gained a document moves the shares of all clusters a little, which must not write all of them
    anew. That costs at most an eighth of the limit.

    Failures are not kept. Summaries that are refused are failures, and so are those with sources
    that were not given: both raise ``ModelFailure``.
    """

    summarizer: Summarizer
    cache: SummaryCache
    identity: str = ""
    reads_query: bool = True
    code: str = field(default_factory=_code)

    @property
    def name(self) -> str:
        return self.summarizer.name

    def summarize(self, query: str, passages: Sequence[Passage], budget: Budget) -> Summary:
        order = sorted(range(len(passages)), key=lambda index: _content(passages[index]))
        ordered = [passages[index] for index in order]
        asked = query if self.reads_query else ""
        limited = budget.limited_to(_rounded(budget.max_tokens))
        key = self._key(asked, ordered, limited)
        entry, is_known = self.cache.entry(key, lambda: self._written(asked, ordered, limited))
        if is_known:
            current().reuse_tokens(entry.tokens)
        sources = _sources(entry, order, passages)
        return Summary(entry.text, sources, 0 if is_known else entry.tokens)

    def _key(self, query: str, ordered: Sequence[Passage], budget: Budget) -> bytes:
        parts = [
            [current().tenant, self.code, self.identity or self.name],
            [query, budget.counter.name, budget.max_tokens],
            [_content(passage) for passage in ordered],
        ]
        return sha256(json.dumps(parts).encode()).digest()

    def _written(self, query: str, ordered: Sequence[Passage], budget: Budget) -> Entry:
        summary = self.summarizer.summarize(query, ordered, budget)
        places = _places(summary, ordered)
        reason = objection(summary.text, ordered, budget)
        if reason or places is None:
            # Nobody else can tell of it: there is no summary that it could stand in.
            current().spend_tokens(summary.tokens_spent)
            raise ModelFailure(f"the summary is refused: {reason or 'unknown sources'}")
        return Entry(summary.text, places, summary.tokens_spent)


def _content(passage: Passage) -> tuple[str, str, list[tuple[int, int]]]:
    # All of the text, not only what is kept of it: where sentences end depends on both.
    spans = [(span.start, span.end) for span in passage.spans]
    return passage.document.text, passage.document.title, spans


def _rounded(limit: int | None) -> int | None:
    if limit is None:
        return None
    dropped = max(0, limit.bit_length() - _STEPS)
    return limit >> dropped << dropped


def _places(summary: Summary, ordered: Sequence[Passage]) -> tuple[Place, ...] | None:
    own = {passage.document.id: rank for rank, passage in enumerate(ordered)}
    behind = {s: rank for rank, passage in enumerate(ordered) for s in passage.document.sources}
    places: dict[Place, None] = {}
    for source in summary.sources:
        if source.document_id in own:
            places[Place(own[source.document_id], (source.start, source.end))] = None
        elif source in behind:
            places[Place(behind[source], None)] = None
        else:
            return None
    return tuple(places)


def _sources(entry: Entry, order: Sequence[int], passages: Sequence[Passage]) -> tuple[Source, ...]:
    """The sources in the documents of a request, in their order there."""
    given = [replace(place, rank=order[place.rank]) for place in entry.places]
    given.sort(key=lambda place: (place.rank, place.span or (0, 0)))
    sources: dict[Source, None] = {}
    for place in given:
        document = passages[place.rank].document
        own = [] if place.span is None else [Source(document.id, *place.span)]
        sources.update(dict.fromkeys(own or document.sources))
    return tuple(sources)
