"""JSON inside a text: which of its members may go so that the rest still parses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from compressors.structures.sections import Block, Range, Section, after_space

_UNIT: Final = 240
"""Characters. A member that is a larger container loses members of its own, and so does a list of
containers; a smaller one stays or goes as a whole: half of a record says little."""
_STRANGE_SPACE: Final = re.compile(r"[^\S \t\r\n]")
_COMPACT: Final = re.compile(r"[\[{,][^\s\]}]")
_DEEPEST: Final = 64
_FIRST: Final = re.compile(r"\s*([\[{])")
_NEXT: Final = re.compile(r"\n[ \t]*([\[{])")
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)


def json_blocks(text: str, start: int, end: int) -> Iterator[Block]:
    """Arrays and objects between two positions that begin a line and end one."""
    if text.find("{", start, end) < 0 and text.find("[", start, end) < 0:
        return
    position = start
    opening = _FIRST.match(text, start, end) or _NEXT.search(text, start, end)
    while opening:
        first = opening.start(1)
        stop, is_json = _value_end(text, first)
        behind = text.find("\n", stop, end)
        if is_json and stop <= end and not text[stop : behind if behind >= 0 else end].strip():
            position = stop
            yield json_block(text, first, stop, is_whole=False)
        else:
            # What is read is not read again, but for its last line, so that text that only looks
            # like JSON costs no more.
            line = text.rfind("\n", first, min(stop, end))
            position = line if line >= 0 else max(stop, first + 1)
        opening = _NEXT.search(text, position, end)


def json_document(text: str) -> Block | None:
    """The structure of a text that is nothing but an array or an object."""
    opening = _FIRST.match(text)
    if opening is None:
        return None
    stop, is_json = _value_end(text, opening.start(1))
    if not is_json or text[stop:].strip():
        return None
    return json_block(text, opening.start(1), stop, is_whole=True)


def json_block(text: str, start: int, end: int, *, is_whole: bool) -> Block:
    """The structure of an array or object that takes this range: all there is, or a part."""
    root = _read(text, start)
    # What is dropped leaves its first white space behind, which may be one that JSON has not.
    strange = _STRANGE_SPACE.search(text, start, end) and _COMPACT.search(text, start, end)
    if strange or root.is_empty(text) or not (is_whole or end - start > _UNIT):
        return Block.solid(text, [(start, end)])
    layout = _Layout(text)
    layout.add(root, start, None)
    borders = [start, *layout.cuts, end]
    solids = tuple((a, after_space(text, b)) for a, b in pairwise(borders))
    cuts = (start, *layout.cuts, solids[-1][1])
    return Block(tuple(sorted(layout.atoms)), tuple(layout.sections), cuts, solids)


def _value_end(text: str, start: int) -> tuple[int, bool]:
    """Where the value ends, or where it stops being one; and which of both it is."""
    try:
        _, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return error.pos, False
    except (ValueError, RecursionError):
        return len(text), False
    return end, True


def _refused(constant: str) -> float:
    raise ValueError(constant)


_DECODER: Final = json.JSONDecoder(parse_constant=_refused)


@dataclass(slots=True)
class _Container:
    """An array or object as it is read: where it opens and closes, and what is in it."""

    start: int
    end: int = 0
    commas: list[int] = field(default_factory=list)
    inner: dict[int, _Container] = field(default_factory=dict)

    def is_empty(self, text: str) -> bool:
        return not text[self.start + 1 : self.end - 1].strip()


def _read(text: str, start: int) -> _Container:
    """The containers of a JSON text that is known to be right."""
    around: list[_Container] = []
    for token in _TOKEN.finditer(text, start):
        mark, at = text[token.start()], token.start()
        if mark in "[{":
            opened = _Container(at)
            if around:
                around[-1].inner[len(around[-1].commas)] = opened
            around.append(opened)
        elif mark == ",":
            around[-1].commas.append(at)
        elif mark in "]}":
            closed = around.pop()
            closed.end = at + 1
            if not around:
                return closed
    raise ValueError("not JSON")


@dataclass(slots=True)
class _Layout:
    """Collects the structure of containers, from the outermost in."""

    text: str
    atoms: list[Range] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    def add(self, container: _Container, start: int, parent: int | None, depth: int = 1) -> None:
        """A container to be taken apart; its key begins at ``start``."""
        place = len(self.sections)
        opening, closing = (start, container.start + 1), (container.end - 1, container.end)
        commas = tuple(container.commas)
        section = Section(start, container.end, (opening, closing), commas, parent)
        self.sections.append(section)
        self.atoms += [opening, closing, *((comma, comma + 1) for comma in commas)]
        borders = [container.start, *commas, container.end - 1]
        for number, (before, behind) in enumerate(pairwise(borders)):
            left = after_space(self.text, before + 1)
            right = left + len(self.text[left:behind].rstrip())
            if number:
                self.cuts.append(left)
            inner = container.inner.get(number)
            if inner and depth < _DEEPEST and self._is_parted(inner, right - left):
                self.add(inner, left, place, depth + 1)
            else:
                self.atoms.append((left, right))

    def _is_parted(self, container: _Container, size: int) -> bool:
        is_list_of_containers = self.text[container.start] == "[" and bool(container.inner)
        return (size > _UNIT or is_list_of_containers) and not container.is_empty(self.text)
