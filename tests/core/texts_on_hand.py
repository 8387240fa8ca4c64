"""Texts put together from what must not be cut, and what must be true of any part of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from compressors.values import Context, Passage, join_ranges

Range = tuple[int, int]

_PROSE = (
    "river lantern copper ledger harbor quickly opened never stone quiet not winter the of"
    " Mayor Brandt wrote letters about them"
)
WORDS = _PROSE.split()
WHOLE = (
    "https://example.org/a/b?c=d&e=5",
    "www.harbor.example/p/12",
    "ada.b+c@mail.example.org",
    "5 km",
    "$1,200.50",
    "3.5 %",
    "12:30 pm",
    "20 million dollars",
    "-5 °C",
    "12 March 2024",
    "March 12, 2024",
    "2024-03-12",
    "12.03.2024",
    "[12]",
    "[3, 4]",
    "[^3]",
    "(Smith et al., 2020)",
    "`get(a. B)`",
    "$a + b$",
)
"""What stays as it is, or goes."""
_SMALL = 24
"""Words, more than the largest of what stays or goes here has."""


@dataclass(frozen=True)
class Text:
    """A text, and ranges of it that are to be whole wherever a piece of them is.

    ``tables`` and ``values`` (of JSON) are ranges of lines and of texts that are checked by what
    is left of them; ``items`` are a marker with the indentation before it, and the rest.
    """

    text: str
    atoms: tuple[Range, ...] = ()
    tables: tuple[tuple[Range, ...], ...] = ()
    values: tuple[Range, ...] = ()
    items: tuple[tuple[Range, Range], ...] = ()

    def behind(self, before: str) -> Text:
        """The same behind another text."""
        by = len(before)
        return Text(
            before + self.text,
            _moved(self.atoms, by),
            tuple(_moved(table, by) for table in self.tables),
            _moved(self.values, by),
            tuple((_moved([a], by)[0], _moved([b], by)[0]) for a, b in self.items),
        )

    def __add__(self, other: Text) -> Text:
        rest = other.behind(self.text)
        return Text(
            rest.text,
            self.atoms + rest.atoms,
            self.tables + rest.tables,
            self.values + rest.values,
            self.items + rest.items,
        )


def _moved(ranges: Sequence[Range], by: int) -> tuple[Range, ...]:
    return tuple((start + by, end + by) for start, end in ranges)


def check(text: Text, passage: Passage) -> None:
    """Fails unless what is kept of the text is whole wherever that was promised."""
    spans = [(span.start, span.end) for span in passage.spans]
    for start, end in text.atoms:
        kept = _kept(text.text, spans, start, end)
        assert kept in ("", text.text[start:end]), (text.text[start:end], kept)
    for header, *rows in text.tables:
        left = [_kept(text.text, spans, *row) for row in rows]
        if any(left):
            assert _kept(text.text, spans, *header) == text.text[slice(*header)]
        assert all(
            kept in ("", text.text[slice(*row)]) for kept, row in zip(left, rows, strict=True)
        )
    for start, end in text.values:
        if kept := _kept(text.text, spans, start, end):
            assert is_part(json.loads(kept), json.loads(text.text[start:end])), kept
    for marker, rest in text.items:
        if _kept(text.text, spans, *rest):
            assert _kept(text.text, spans, *marker) == text.text[slice(*marker)]


def _kept(text: str, spans: Sequence[Range], start: int, end: int) -> str:
    return join_ranges(
        text, [(max(a, start), min(b, end)) for a, b in spans if a < end and b > start]
    )


def is_part(part: Any, whole: Any) -> bool:
    """Whether a JSON value is another one without some of its members."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and is_part(value, whole[key]) for key, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        left = iter(whole)
        return all(any(is_part(value, other) for other in left) for value in part)
    return bool(part == whole)


@st.composite
def prose(draw: st.DrawFn) -> Text:
    """Sentences with something in them that stays whole."""
    made = Text("")
    for number in range(draw(st.integers(1, 4))):
        words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8))
        made += Text((" " if number else "") + " ".join(words).capitalize() + " ")
        for atom in draw(st.lists(st.sampled_from(WHOLE), max_size=2)):
            made += Text(atom, ((0, len(atom)),)) + Text(" ")
        made += Text(draw(st.sampled_from(WORDS)) + ".")
    return made


@st.composite
def table(draw: st.DrawFn) -> Text:
    columns = draw(st.integers(1, 4))
    cell = st.lists(st.sampled_from((*WORDS, "12.5", "No. 5", "a. B")), max_size=3).map(" ".join)
    row = st.lists(cell, min_size=columns, max_size=columns)
    lines = [f"| {' | '.join(cells)} |" for cells in draw(st.lists(row, min_size=2, max_size=7))]
    lines.insert(1, "|" + draw(st.sampled_from(("---|", ":--:|", " --- |"))) * columns)
    ends = [sum(len(line) + 1 for line in lines[: n + 1]) - 1 for n in range(len(lines))]
    ranges = [(0, ends[1]), *((a + 1, b) for a, b in pairwise(ends[1:]))]
    return Text("\n".join(lines), tables=(tuple(ranges),))


@st.composite
def fence(draw: st.DrawFn) -> Text:
    mark = draw(st.sampled_from(("```", "~~~", "````")))
    code = "def get(a):\n    return a. B\n\n| a | b |\n- item", "x = 1\n\n# Note. That is all.", ""
    text = f"{mark}{draw(st.sampled_from(('', 'python')))}\n{draw(st.sampled_from(code))}\n{mark}"
    return Text(text, ((0, len(text)),))


@st.composite
def items(draw: st.DrawFn) -> Text:
    made = Text("")
    kind = draw(st.sampled_from(("- ", "* ", "{}. ", "- [x] ")))
    for number in range(draw(st.integers(1, 5))):
        marker = draw(st.sampled_from(("", "", "   "))) + kind.format(number + 1)
        words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5))
        rest = " ".join(words) + draw(st.sampled_from((".", ". Then it went on. And on.", "")))
        both = (0, len(marker.rstrip())), (len(marker), len(marker) + len(rest))
        made += Text("\n" if number else "") + Text(marker + rest, items=(both,))
    return made


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10000, 10000),
    st.sampled_from(
        (*WORDS, "a, b. C", 'say "no" [x] {y}', "back\\slash", "two\nlines", "我，们。", "a\u3000b")
    ),
    st.lists(st.sampled_from(WORDS), min_size=5, max_size=30).map(" ".join),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=25,
)


@st.composite
def value(draw: st.DrawFn) -> Text:
    """JSON that is an array or an object, written in any of the usual ways."""
    parsed = draw(
        st.lists(_VALUES, max_size=6) | st.dictionaries(st.sampled_from(WORDS), _VALUES, max_size=6)
    )
    text = json.dumps(
        parsed,
        indent=draw(st.sampled_from((None, 2))),
        separators=draw(st.sampled_from((None, (",", ":")))),
        ensure_ascii=draw(st.booleans()),
    )
    return Text(text, values=((0, len(text)),))


@st.composite
def fenced_value(draw: st.DrawFn) -> Text:
    """The same as a block of code, of which either nothing is left or both its fences are."""
    inner = draw(value())
    made = Text("```json\n") + inner + Text("\n```")
    last = len(made.text)
    return replace(made, items=(((0, 7), (8, last - 4)), ((last - 3, last), (8, last - 4))))


@st.composite
def texts(draw: st.DrawFn) -> Text:
    """Several of all of these."""
    parts = st.one_of(prose(), table(), fence(), items(), value(), fenced_value())
    made = draw(prose())
    for part in draw(st.lists(parts, max_size=5)):
        made = made + Text("\n\n") + part
    return made


def check_all(made: Sequence[Text], context: Context) -> None:
    """Fails unless the first documents of a context are these texts, whole as promised.

    One small piece that is all there is may be of something that did not fit whole.
    """
    spans = [span for passage in context.passages for span in passage.spans]
    if len(spans) == 1 and len(context.text.split()) <= _SMALL:
        return
    for text, passage in zip(made, context.passages, strict=False):
        check(text, passage)
