"""Find what must not be cut in a text: code, tables, lists and JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from compressors.structures.html_tables import html_tables
from compressors.structures.json_text import json_blocks, json_document
from compressors.structures.markdown import fences, items, tables
from compressors.structures.sections import Block, Structures

PLAIN: Final = Structures()
"""The structures of prose: none."""
_SIGN: Final = re.compile(r"\s*[\[{]|[ \t]*[-*+•‣▪●◦–#(\d]")
_SIGN_IN_LINE: Final = re.compile(r"\n[ \t]*[-*+•‣▪●◦–#(\d\[{]")

Finder = Callable[[str, int, int], Iterable[Block]]
_FINDERS: Final[tuple[Finder, ...]] = (json_blocks, html_tables, tables, items)
"""What an earlier one finds is nothing to look into for a later one."""


def structures(text: str) -> Structures:
    """The structures of a text, in time linear in its length; for most prose at almost no cost."""
    if not _has_signs(text):
        return PLAIN
    if document := json_document(text):
        return Structures.of([document])
    blocks = list(fences(text))
    for finder in _FINDERS:
        blocks = list(_with(text, blocks, finder))
    return Structures.of(blocks) if blocks else PLAIN


def _has_signs(text: str) -> bool:
    if "|" in text or "<" in text or "```" in text or "~~~" in text:
        return True
    return _SIGN.match(text) is not None or _SIGN_IN_LINE.search(text) is not None


def _with(text: str, found: Iterable[Block], finder: Finder) -> Iterator[Block]:
    """Blocks, and between them those that a finder finds."""
    position = 0
    for block in found:
        yield from finder(text, position, block.start)
        yield block
        position = block.end
    yield from finder(text, position, len(text))
