"""Tables in HTML, as pages of the web leave them in the texts made from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from compressors.structures.sections import Block, Range, Section, after_space, edges

_TAG: Final = re.compile(r"<(/?)(table|tr)(?:\s[^<>]*)?>", re.IGNORECASE)
_HEADING: Final = re.compile(r"<th[\s>]", re.IGNORECASE)
_DATA: Final = re.compile(r"<td[\s>]", re.IGNORECASE)
_LONGEST: Final = 2000
"""Characters of a row. Pages that are laid out by tables have rows of whole articles."""
_NEAR: Final = 40
"""Characters of other tags that may stand between the table's own and a row."""


def html_tables(text: str, start: int, end: int) -> Iterator[Block]:
    """The outermost tables between two positions, and rows of tables that begin before them.

    A piece of a page may begin or end inside a table.
    """
    if text.find("<", start, end) < 0:
        return
    depth, row = 0, -1
    tags: list[re.Match[str]] = []
    for tag in _TAG.finditer(text, start, end):
        is_table, is_opening = tag[2].lower() == "table", not tag[1]
        if is_table and is_opening:
            depth += 1
            tags = [tag] if depth == 1 else tags
        elif is_table and depth:
            depth -= 1
            if not depth:
                yield _table(text, tags, tag.span())
        elif depth == 1:
            tags.append(tag)
        elif not depth and not is_table:
            if not is_opening and row >= 0 and tag.end() - row <= _LONGEST:
                yield Block.solid(text, [(row, tag.end())])
            row = tag.start() if is_opening else -1
    if depth:
        yield _table(text, tags, None)


def _table(text: str, tags: Sequence[re.Match[str]], tail: Range | None) -> Block:
    """A table given its own tags, without those of tables inside it; the last may be missing."""
    start = tags[0].start()
    rows = list(_rows(tags, tail[0] if tail else None))
    heads = 0
    while heads < len(rows) - 1 and _is_header(text, rows[heads]):
        heads += 1
    head = (start, rows[heads - 1][1] if heads else tags[0].end())
    members = [row for row in rows[heads:] if row[1] - row[0] <= _LONGEST]
    frame = (head, tail) if tail else (head,)
    end = tail[1] if tail else max(head[1], rows[-1][1] if rows else 0)
    solids = tuple(_solids(text, head, members, tail))
    atoms = (head, *members, tail) if tail else (head, *members)
    return Block(atoms, (Section(start, end, frame),), edges(solids), solids)


def _solids(
    text: str, head: Range, members: Sequence[Range], tail: Range | None
) -> Iterator[Range]:
    """The rows as sentences; the first with the head, the last with the tail, if they are near."""
    for number, (left, right) in enumerate(members):
        is_first = number == 0 and left - head[1] < _NEAR
        is_last = tail is not None and number == len(members) - 1 and tail[0] - right < _NEAR
        behind = after_space(text, tail[1] if tail and is_last else right)
        yield head[0] if is_first else left, behind


def _rows(tags: Sequence[re.Match[str]], end: int | None) -> Iterator[Range]:
    opened: int | None = None
    for tag in tags[1:]:
        if opened is not None:
            # HTML lets the next row, or the end of the table, close a row.
            yield opened, tag.end() if tag[1] else tag.start()
        opened = None if tag[1] else tag.start()
    if opened is not None and end is not None:
        yield opened, end


def _is_header(text: str, row: Range) -> bool:
    return _HEADING.search(text, *row) is not None and _DATA.search(text, *row) is None
