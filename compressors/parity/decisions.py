"""What the package llmlingua 0.2.2 decides in its mode LLMLingua-2, bit for bit.

Source: `compress_prompt_llmlingua2` of the package; arXiv 2403.12968; spec/llmlingua2.md, 2.2, 2.3.
Its quirks are kept, since they are what this is for: the frame that XLM-R does not know, parts that
are turned into strings and read again, percentiles in whole percents, one threshold for each part.
The one forward pass serves the document filter and the words; the package runs two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.errors import InvalidInput
from compressors.parity.tokens import FIELD, LONGEST, PackageTokens, TokenProbabilities
from compressors.parity.values import WAYS, Decision, Decisions, Judged, ParityOptions, Part
from compressors.parity.words import Counts, Merger, Rules, Words, kept_words, quantile, total

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROOM: Final = LONGEST - 2
_WORD = re.compile(r'\b\w+\b|[<>=/!@#$%^&*()?":{}|\\`~;_+-]')
"""Words of a text that is not compressed, for its labels."""


def decide(
    model: TokenProbabilities, texts: Sequence[str], options: ParityOptions, counts: Counts
) -> Decisions:
    """The package's decisions on documents.

    ``counts`` stands for its cl100k. Raises ``InvalidInput`` where the package fails: documents
    without words, a rate that leads to no percentile.
    """
    names = stand_ins(model.tokens, options.force_tokens)
    origin = sum(counts(texts))
    encodings = model.tokens.encode([_replaced(text, names) for text in texts])
    ends = _end_tokens(options.chunk_end_tokens, names)
    parts = [_parts(model.tokens, encoding.tokens, ends) for encoding in encodings]
    run = _Run(model, _rules(model.tokens, options, names), counts)
    filtering = options.use_context_level_filter and len(texts) > 1
    if filtering:
        documents = run.filtered(parts, options, origin)
    else:
        documents = run.compressed(parts, _reduction(options, options.target_token or None, origin))
    left = sum(counts([document.text for document in documents if document.kept]))
    return Decisions(tuple(documents), origin, left, names, tuple(encodings))


def stand_ins(tokens: PackageTokens, phrases: Sequence[str]) -> dict[str, str]:
    """The name of each forced phrase that is not one token."""
    return {
        phrase: f"[NEW{index}]"
        for index, (phrase, found) in enumerate(zip(phrases, tokens.strings(phrases), strict=True))
        if len(found) != 1
    }


def _end_tokens(tokens: Sequence[str], names: Mapping[str, str]) -> frozenset[str]:
    return frozenset((*tokens, *(names[token] for token in tokens if token in names)))


def _rules(tokens: PackageTokens, options: ParityOptions, names: Mapping[str, str]) -> Rules:
    return Rules(
        tokens,
        options.force_tokens,
        names,
        options.token_to_word == WAYS[1],
        options.force_reserve_digit,
        options.drop_consecutive,
    )


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for phrase, name in names.items():
        text = text.replace(phrase, name)
    return text


def _restored(text: str, names: Mapping[str, str]) -> str:
    for phrase, name in names.items():
        text = text.replace(name, phrase)
    return text


def _parts(tokens: PackageTokens, found: Sequence[str], ends: frozenset[str]) -> list[Part]:
    """Parts of a document that end, where they can, behind the last end token there is room for."""
    parts: list[Part] = []
    start = 0
    while start < len(found):
        last = min(start + _ROOM, len(found))
        if last < len(found):
            stops = (i for i in range(last, start, -1) if found[i] in ends)
            last = next(stops, last) + 1
        parts.append(Part(start, last, tokens.joined(found[start:last])))
        start = last
    return parts


def _reduction(options: ParityOptions, target: int | None, tokens: int) -> float:
    """The share that is to go. The expression counts: 1 - .9 is a little less than .1."""
    rate = options.rate if target is None else _share(target, tokens, "target_token")
    return max(0.0, 1 - rate) if options.use_token_level_filter else 0.0


def _share(part: int, whole: int, name: str) -> float:
    if not whole:
        raise InvalidInput(f"{FIELD}.{name}", "cannot be a share of documents without tokens")
    return min(part / whole, 1.0)


@dataclass(frozen=True, slots=True)
class _Read:
    """A part as the model has read it."""

    part: Part
    tokens: tuple[str, ...]
    words: Words
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    model: TokenProbabilities
    rules: Rules
    counts: Counts

    def filtered(
        self, parts: Sequence[list[Part]], options: ParityOptions, origin: int
    ) -> list[Decision]:
        """Whole documents first, then the words of those that stay."""
        read = self._read(parts)
        scores = [_mean(document) for document in read]
        kept = _kept_documents(scores, options, origin)
        left = sum(
            self.counts([p.text for own, k in zip(parts, kept, strict=True) if k for p in own])
        )
        reduction = _reduction(options, options.target_token, left)
        return [
            self._decision(document, own, reduction) if stays else _dropped(own)
            for document, own, stays in zip(parts, read, kept, strict=True)
        ]

    def compressed(self, parts: Sequence[list[Part]], reduction: float) -> list[Decision]:
        read = self._read(parts) if reduction > 0 else [[] for _ in parts]
        return [
            self._decision(document, own, reduction)
            for document, own in zip(parts, read, strict=True)
        ]

    def _read(self, parts: Sequence[list[Part]]) -> list[list[_Read]]:
        flat = [part for document in parts for part in document]
        strings = self.model.tokens.strings([part.text for part in flat])
        rows = [self.model.tokens.row(tokens) for tokens in strings]
        values = self.model.probabilities(rows) if rows else []
        merger = Merger(self.rules)
        read = iter(
            _Read(part, tuple(tokens), words := merger.words(row, value), merger.shown(words))
            for part, tokens, row, value in zip(flat, strings, rows, values, strict=True)
        )
        return [[next(read) for _ in document] for document in parts]

    def _decision(self, parts: Sequence[Part], read: Sequence[_Read], reduction: float) -> Decision:
        if reduction <= 0:
            whole = [_restored(part.text, self.rules.names) for part in parts]
            found = (word for text in whole for word in _WORD.findall(text))
            return Decision(True, "".join(whole), tuple((word, 1) for word in found))  # noqa: FBT003 - a row
        texts: list[str] = []
        labels: list[tuple[str, int]] = []
        judged: list[Judged] = []
        for one in read:
            kept = kept_words(one.words, self.rules, reduction, self.counts)
            stay = [one.words.texts[index] for index in kept.nonzero()[0]]
            texts.append(self.model.tokens.joined(stay))
            labels += zip(one.shown, kept.astype(int).tolist(), strict=True)
            judged.append(Judged(one.part, one.tokens, one.words, kept))
        return Decision(True, "".join(texts), tuple(labels), tuple(judged))  # noqa: FBT003 - a row


def _kept_documents(
    scores: NDArray[np.float32] | list[np.float32], options: ParityOptions, origin: int
) -> list[bool]:
    import numpy as np

    threshold = quantile(
        np.asarray(scores), int(100 * (1 - _document_rate(options, len(scores), origin)))
    )
    forced = set(options.force_context_ids)
    return [bool(score >= threshold) or index in forced for index, score in enumerate(scores)]


def _document_rate(options: ParityOptions, documents: int, origin: int) -> float:
    """The share of documents that stays (2.3)."""
    rate, target = options.context_level_rate, options.context_level_target_token
    halves = options.use_token_level_filter
    if not options.target_context and rate >= 1.0 and not target:
        if options.target_token is not None:
            target = options.target_token * 2 if halves else options.target_token
        elif options.rate < 1.0:
            rate = (options.rate + 1.0) / 2 if halves else options.rate
    if options.target_context is not None:
        rate = min(options.target_context / documents, 1.0)
    return rate if target is None else _share(target, origin, "context_level_target_token")


def _mean(read: Sequence[_Read]) -> np.float32:
    """The mean over the words of a document of what they are worth without any force."""
    import numpy as np

    values = np.concatenate([np.zeros(0, np.float32), *(one.words.unforced for one in read)])
    if not len(values):
        raise InvalidInput("documents", "one has no words that the model knows")
    return total(values) / np.float32(len(values))


def _dropped(read: Sequence[_Read]) -> Decision:
    labels = tuple((word, 0) for one in read for word in one.shown)
    return Decision(False, "", labels)  # noqa: FBT003 - a row
