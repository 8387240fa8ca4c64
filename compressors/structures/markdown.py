"""Fences, tables and lists inside a text, as Markdown writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from compressors.structures.inline import MONTHS
from compressors.structures.json_text import json_blocks
from compressors.structures.sections import Block, Range, Section, after_space, edges

_FENCE: Final = re.compile(r"^[ \t]*(?:[-*+>][ \t]+)?(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_JSON_FENCE: Final = 240
"""Characters of JSON in a fence from which on members of it may go; less is one piece."""
_DELIMITERS: Final = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_ROW: Final = re.compile(r"[ \t]*\|[^|\n]*\|[^\n]*\|[ \t]*")
_MARKER: Final = (
    r"([ \t]*)((?:[-*+•‣▪●◦–]|\d{1,3}[.)]|\(\d{1,3}\))(?:[ \t]+\[[ xX]\])?|#{1,6})[ \t]+(?=\S)"
)
_FIRST_ITEM: Final = re.compile(_MARKER)
# Beginning with a plain character, it is found ten times as fast.
_ITEM: Final = re.compile("\n" + _MARKER)
_WORD: Final = re.compile(r"[^\W\d_]{3,12}")
_BLANK: Final = re.compile(r"\n[ \t]*\n")


def fences(text: str) -> Iterator[Block]:
    """Every block of code between two lines of backticks or tildes; one never closed is none."""
    marks = list(_FENCE.finditer(text)) if "```" in text or "~~~" in text else []
    number = 0
    # A mark that nothing closes says the same of all later ones that are as long.
    hopeless: dict[str, int] = {}
    while number < len(marks):
        kind, length = marks[number][1][0], len(marks[number][1])
        if length < hopeless.get(kind, length + 1):
            last = _closing(marks, number)
            if last is None:
                hopeless[kind] = length
            else:
                yield _fence(text, marks[number], marks[last])
                number = last
        number += 1


def _closing(marks: list[re.Match[str]], first: int) -> int | None:
    mark = marks[first][1]
    for number in range(first + 1, len(marks)):
        other, behind = marks[number].groups()
        if other.startswith(mark) and not behind.strip():
            return number
    return None


def _fence(text: str, opening: re.Match[str], closing: re.Match[str]) -> Block:
    start, end = opening.start(), closing.end()
    inside = (after_space(text, opening.end()), closing.start())
    blocks = list(json_blocks(text, *inside)) if inside[1] - inside[0] > _JSON_FENCE else []
    if len(blocks) != 1 or text[blocks[0].atoms[-1][1] : inside[1]].strip():
        return Block.solid(text, [(start, end)])
    (value,) = blocks
    if not value.sections or value.atoms[0][0] != inside[0]:
        return Block.solid(text, [(start, end)])
    return _framed(text, value, (start, opening.end()), (closing.start(), end))


def _framed(text: str, value: Block, head: Range, tail: Range) -> Block:
    """JSON with the lines of a fence around it."""
    shifted = (
        Section(s.start, s.end, s.frame, s.commas, 0 if s.parent is None else s.parent + 1)
        for s in value.sections
    )
    sections = (Section(head[0], tail[1], (head, tail)), *shifted)
    (_, first), *middle = value.solids
    last = middle.pop()[0] if middle else head[0]
    whole = after_space(text, tail[1])
    solids = [(head[0], first), *middle, (last, whole)] if last > head[0] else [(head[0], whole)]
    return Block((head, *value.atoms, tail), sections, edges(solids), tuple(solids))


def tables(text: str, start: int, end: int) -> Iterator[Block]:
    """Tables between two positions: a header, a line of dashes, rows with bars.

    Rows without a header are whole, too: a piece of a page may begin inside a table.
    """
    if text.find("|", start, end) < 0:
        return
    lines = _lines(text, start, end)
    number = 0
    lines.append((end, end))
    while number + 1 < len(lines):
        if not _is_header(text, lines[number], lines[number + 1]):
            if _ROW.fullmatch(text, *lines[number]):
                yield Block.solid(text, [lines[number]])
            number += 1
            continue
        last = number + 1
        while last + 1 < len(lines) and "|" in text[slice(*lines[last + 1])]:
            last += 1
        yield _table(text, lines[number : last + 1])
        number = last + 1


def _lines(text: str, start: int, end: int) -> list[Range]:
    lines: list[Range] = []
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        lines.append((start, stop))
        start = stop + 1
    return lines


def _is_header(text: str, line: Range, following: Range) -> bool:
    dashes = text[slice(*following)]
    if "|" not in text[slice(*line)] or "|" not in dashes or "-" not in dashes:
        return False
    return _DELIMITERS.fullmatch(dashes) is not None


def _table(text: str, lines: list[Range]) -> Block:
    header, rows = (lines[0][0], lines[1][1]), lines[2:]
    if not rows:
        return Block.solid(text, [header])
    # A header is no sentence of its own: whoever ranks sentences would rank it.
    pieces = [(header[0], rows[0][1]), *rows[1:]]
    solids = tuple((left, after_space(text, right)) for left, right in pieces)
    section = Section(header[0], rows[-1][1], (header,))
    return Block((header, *rows), (section,), edges(solids), solids)


def items(text: str, start: int, end: int) -> Iterator[Block]:
    """List items and headings between two positions: each with its marker and its indentation."""
    marks = list(_ITEM.finditer(text, start, end))
    if first := _FIRST_ITEM.match(text, start, end):
        marks.insert(0, first)
    marks = [mark for mark in marks if not _is_date(text, mark)]
    for number, mark in enumerate(marks):
        stop = marks[number + 1].start() if number + 1 < len(marks) else end
        blank = _BLANK.search(text, mark.end(), stop)
        stop = blank.start() if blank else stop
        if mark[2][0] == "#":
            line = text.find("\n", mark.end(), stop)
            stop = line if line >= 0 else stop
        marker = (mark.start(1), mark.end(2))
        section = Section(mark.start(1), stop, (marker,))
        # The white space before it is of the sentence before.
        yield Block((marker,), (section,), (mark.start(2),), ((mark.start(2), mark.end()),))


def _is_date(text: str, mark: re.Match[str]) -> bool:
    """Whether a number with a full stop is the day of a month, as German writes it."""
    if not mark[2][0].isdigit():
        return False
    word = _WORD.match(text, mark.end())
    return word is not None and word[0].lower() in MONTHS
