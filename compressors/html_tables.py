"""Tables in HTML, as pages of the web leave them in the texts made from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from compressors.sections import Block, Range, Section, after_space, edges

_TAG: Final = re.compile(r"<(/?)(table|tr)(?:\s[^<>]*)?>", re.IGNORECASE)
_HEADING: Final = re.compile(r"<th[\s>]", re.IGNORECASE)
_DATA: Final = re.compile(r"<td[\s>]", re.IGNORECASE)
_LONGEST: Final = 2000
"""Characters of a row. Pages that are laid out by tables have rows of whole articles."""
_NEAR: Final = 40
"""Characters of other tags that may stand between the table's own and a row."""


def html_tables(text: str, start: int, end: int) -> Iterator[Block]:
    """The outermost tables between two positions; one that is never closed is none."""
    if text.find("<", start, end) < 0:
        return
    depth = 0
    tags: list[re.Match[str]] = []
    for tag in _TAG.finditer(text, start, end):
        is_table, is_opening = tag[2].lower() == "table", not tag[1]
        if is_table:
            depth = max(0, depth + (1 if is_opening else -1))
            if depth == 1 and is_opening:
                tags = [tag]
            elif depth == 0 and not is_opening and tags:
                yield _table(text, [*tags, tag])
                tags = []
        elif depth == 1:
            tags.append(tag)


def _table(text: str, tags: Sequence[re.Match[str]]) -> Block:
    """A table given its own tags, without those of tables inside it."""
    start, end = tags[0].start(), tags[-1].end()
    rows = list(_rows(tags))
    heads = 0
    while heads < len(rows) - 1 and _is_header(text, rows[heads]):
        heads += 1
    head = (start, rows[heads - 1][1] if heads else tags[0].end())
    tail = (tags[-1].start(), end)
    members = [row for row in rows[heads:] if row[1] - row[0] <= _LONGEST]
    solids = tuple(_solids(text, head, members, tail))
    return Block(
        (head, *members, tail), (Section(start, end, (head, tail)),), edges(solids), solids
    )


def _solids(text: str, head: Range, members: Sequence[Range], tail: Range) -> Iterator[Range]:
    """The rows as sentences; the first with the head, the last with the tail, if they are near."""
    for number, (left, right) in enumerate(members):
        is_first = number == 0 and left - head[1] < _NEAR
        is_last = number == len(members) - 1 and tail[0] - right < _NEAR
        behind = after_space(text, tail[1] if is_last else right)
        yield head[0] if is_first else left, behind


def _rows(tags: Sequence[re.Match[str]]) -> Iterator[Range]:
    opened: int | None = None
    for tag in tags[1:]:
        is_row = tag[2].lower() == "tr"
        if opened is not None:
            # HTML lets the next row, or the end of the table, close a row.
            yield opened, tag.end() if is_row and tag[1] else tag.start()
        opened = tag.start() if is_row and not tag[1] else None


def _is_header(text: str, row: Range) -> bool:
    return _HEADING.search(text, *row) is not None and _DATA.search(text, *row) is None
