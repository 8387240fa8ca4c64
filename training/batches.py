"""Turn labelled groups and compression pairs into padded tensors."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from torch import Tensor

from compressors.models.minilm import SEP

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tokenizers import Encoding

    from training.examples import LabelledDocument

PAIRS_IN_A_ROW = 5
"""Compression pairs at most that make one passage."""
_QUERY_CHARS = 400
_QUERY_TOKENS = 98
"""With the two special tokens around them."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Row:
    """One input of the model; ``unit`` numbers what each token belongs to, -1 is nothing."""

    ids: list[int]
    types: list[int]
    unit: list[int]
    passage: list[int] = field(default_factory=list)
    """The document that ends at each token, -1 elsewhere; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Padded:
    """Rows of one batch, each field ``[rows, length]``."""

    ids: Tensor
    types: Tensor
    mask: Tensor
    units: Tensor
    ends: Tensor


@dataclass(frozen=True, slots=True)
class Labels:
    """What is right for the units of one kind, sentences or documents, numbered throughout."""

    targets: Tensor
    """1.0 for each that helps, ``[units]``."""
    group_of: Tensor
    """Which list each was given in, ``[units]``; the units of a list are ranked together."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows over the documents of some queries."""

    rows: list[Row]
    sentences: Labels
    passages: Labels


@dataclass(frozen=True, slots=True)
class Listing:
    """Documents to rank for a query: a row each, or ``together`` as many as fit into one row."""

    query: str
    documents: Sequence[LabelledDocument]
    together: bool = False


def tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of the base model."""
    loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


def ranking(listings: Sequence[Listing], tokens: Tokenizer, lengths: tuple[int, int]) -> Ranking:
    """Rows of at most so many tokens: of one document, and of several together.

    What does not fit is cut off; of documents together, the last ones are then left out.
    """
    sentences: tuple[list[float], list[int]] = ([], [])
    passages: tuple[list[float], list[int]] = ([], [])
    rows: list[Row] = []
    for number, listing in enumerate(listings):
        asked = tokens.encode(listing.query[:_QUERY_CHARS]).ids[:_QUERY_TOKENS]
        head = Row(asked, [0] * len(asked), [-1] * len(asked), [-1] * len(asked))
        row = head
        for one in listing.documents:
            if not listing.together:
                row = head
            body = _document(one, tokens, len(sentences[0]), len(passages[0]))
            room = lengths[listing.together] - len(row.ids)
            if row is not head and len(body.ids) > room:
                break
            row = _joined(row, body, room)
            sentences[0].extend(float(at in one.support) for at in range(len(one.spans)))
            sentences[1].extend([number] * len(one.spans))
            passages[0].append(float(bool(one.support)))
            passages[1].append(number)
            if not listing.together:
                rows.append(row)
        if listing.together:
            rows.append(row)
    return Ranking(rows, _labels(*sentences), _labels(*passages))


def _labels(targets: list[float], group_of: list[int]) -> Labels:
    return Labels(torch.tensor(targets), torch.tensor(group_of))


def _document(one: LabelledDocument, tokens: Tokenizer, first: int, number: int) -> Row:
    """Title, text and the separator; sentences count from ``first``."""
    prefix = f"{one.title}. " if one.title else ""
    shift = len(prefix)
    units = [(a + shift, b + shift, first + index) for index, (a, b) in enumerate(one.spans)]
    encoding = tokens.encode(prefix + one.text, add_special_tokens=False)
    row = _row(encoding, units, 0)
    size = len(row.ids)
    return Row([*row.ids, SEP], [1] * (size + 1), [*row.unit, -1], [-1] * size + [number])


def _joined(row: Row, body: Row, room: int) -> Row:
    """The body behind the row; its middle is cut out if it is too long, its end stays."""

    def cut(values: list[int]) -> list[int]:
        return values if len(values) <= room else [*values[: room - 1], values[-1]]

    return Row(
        row.ids + cut(body.ids),
        row.types + cut(body.types),
        row.unit + cut(body.unit),
        row.passage + cut(body.passage),
    )


def keeping(
    pairs: Sequence[tuple[str, str]], rng: random.Random, rows: int, tokens: Tokenizer, longest: int
) -> tuple[list[Row], Tensor]:
    """Passages of one to five compression pairs; units are words, with 1.0 for each kept."""
    inputs: list[str] = []
    units: list[list[tuple[int, int, int]]] = []
    targets: list[float] = []
    for _ in range(rows):
        text = ""
        spans: list[tuple[int, int, int]] = []
        for original, keep in rng.sample(pairs, rng.randint(1, PAIRS_IN_A_ROW)):
            shift = len(text)
            for match, kept in zip(_TOKEN.finditer(original), keep, strict=True):
                spans.append((match.start() + shift, match.end() + shift, len(targets)))
                targets.append(float(kept))
            text += original + " "
        inputs.append(text.rstrip())
        units.append(spans)
    encodings = tokens.encode_batch(inputs)
    found = [_row(e, u, 0) for e, u in zip(encodings, units, strict=True)]
    return [_joined(Row([], [], []), row, longest) for row in found], torch.tensor(targets)


def padded(rows: Sequence[Row], max_tokens: int) -> Iterator[Padded]:
    """Batches of rows of like length, of at most so many tokens unless a row has more."""
    waiting: list[Row] = []
    for row in sorted(rows, key=lambda one: len(one.ids)):
        if waiting and (len(waiting) + 1) * len(row.ids) > max_tokens:
            yield _stack(waiting)
            waiting = []
        waiting.append(row)
    if waiting:
        yield _stack(waiting)


def _row(encoding: Encoding, units: list[tuple[int, int, int]], sequence: int) -> Row:
    starts = [start for start, _, _ in units]
    unit = []
    for (start, end), which in zip(encoding.offsets, encoding.sequence_ids, strict=True):
        at = bisect_right(starts, start) - 1
        inside = which == sequence and end > start and at >= 0 and start < units[at][1]
        unit.append(units[at][2] if inside else -1)
    return Row(encoding.ids, encoding.type_ids, unit)


def _stack(rows: list[Row]) -> Padded:
    length = max(len(row.ids) for row in rows)

    def column(values: list[list[int]], padding: int) -> Tensor:
        return torch.tensor([one + [padding] * (length - len(one)) for one in values])

    ids = column([row.ids for row in rows], 0)
    types = column([row.types for row in rows], 0)
    mask = column([[1] * len(row.ids) for row in rows], 0)
    units = column([row.unit for row in rows], -1)
    ends = column([row.passage or [-1] * len(row.ids) for row in rows], -1)
    return Padded(ids, types, mask, units, ends)
