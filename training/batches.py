"""Turn labelled groups and compression pairs into padded tensors."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from torch import Tensor

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tokenizers import Encoding

    from training.examples import Group, LabelledDocument

PAIRS_IN_A_ROW = 5
"""Compression pairs at most that make one passage."""
_QUERY_CHARS = 400
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Row:
    """One input of the model; ``unit`` numbers what each token belongs to, -1 is nothing."""

    ids: list[int]
    types: list[int]
    unit: list[int]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows over the documents of some queries; units are sentences, numbered throughout."""

    rows: list[Row]
    targets: Tensor
    """1.0 for each supporting sentence, ``[sentences]``."""
    group_of: Tensor
    """Which query each sentence was given for, ``[sentences]``."""


def tokenizer(folder: Path, max_length: int) -> Tokenizer:
    """The tokenizer of the base model; it cuts the longer part, which is never the query."""
    loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
    loaded.enable_truncation(max_length, strategy="longest_first")
    loaded.no_padding()
    return loaded


def ranking(
    groups: Sequence[tuple[Group, Sequence[LabelledDocument]]], tokens: Tokenizer
) -> Ranking:
    """One row per document of each query."""
    inputs: list[tuple[str, str]] = []
    units: list[list[tuple[int, int, int]]] = []
    targets: list[float] = []
    group_of: list[int] = []
    for number, (group, documents) in enumerate(groups):
        for one in documents:
            prefix = f"{one.title}. " if one.title else ""
            inputs.append((group.query[:_QUERY_CHARS], prefix + one.text))
            shift = len(prefix)
            first = len(targets)
            units.append(
                [(a + shift, b + shift, first + index) for index, (a, b) in enumerate(one.spans)]
            )
            targets.extend(float(index in one.support) for index in range(len(one.spans)))
            group_of.extend([number] * len(one.spans))
    encodings = tokens.encode_batch(inputs)
    rows = [_row(encoding, unit, 1) for encoding, unit in zip(encodings, units, strict=True)]
    return Ranking(rows, torch.tensor(targets), torch.tensor(group_of))


def keeping(
    pairs: Sequence[tuple[str, str]], rng: random.Random, rows: int, tokens: Tokenizer
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
    return [_row(e, u, 0) for e, u in zip(encodings, units, strict=True)], torch.tensor(targets)


def padded(rows: Sequence[Row], max_tokens: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Batches of ids, types, mask and units, of rows of like length, each ``[rows, length]``."""
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


def _stack(rows: list[Row]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    length = max(len(row.ids) for row in rows)

    def column(values: list[list[int]], padding: int) -> Tensor:
        return torch.tensor([one + [padding] * (length - len(one)) for one in values])

    ids = column([row.ids for row in rows], 0)
    types = column([row.types for row in rows], 0)
    mask = column([[1] * len(row.ids) for row in rows], 0)
    units = column([row.unit for row in rows], -1)
    return ids, types, mask, units
