"""What a caller says must stay: literal strings, patterns, and places in documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from compressors.errors import InvalidInput

if TYPE_CHECKING:
    from compressors.values import Document

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MEMORY = 1 << 23
"""Bytes that a pattern may take; one that needs more is refused."""


@dataclass(frozen=True)
class Protection:
    """Ranges of documents that every stage keeps, by whatever names them.

    ``texts`` stay wherever they stand, and so do the matches of ``patterns``, in the syntax of
    RE2: it matches in linear time, so nobody can stop a server with a pattern. ``spans`` are
    half-open ranges of characters by the id of the document.
    """

    texts: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    spans: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict, hash=False)

    def __bool__(self) -> bool:
        return bool(self.texts or self.patterns or any(self.spans.values()))

    def refusal(self, limit: int) -> InvalidInput:
        """The error of a limit, in tokens, that all of this does not fit into."""
        given = {
            "protected_texts": self.texts,
            "protected_patterns": self.patterns,
            "protected_spans": self.spans,
        }
        fields = ", ".join(name for name, value in given.items() if value)
        return InvalidInput(fields or "protected_texts", f"do not fit into {limit} tokens")

    def ranges(self, document: Document) -> list[tuple[int, int]]:
        """Sorted, disjoint ranges of a document's text, none of nothing but white space.

        Raises ``InvalidInput`` if a pattern cannot be read, or a span is none of the document.
        """
        if not self:
            return []
        text = document.text
        found = [*occurrences(text, self.texts), *self._spans_of(document)]
        # RE2 reads UTF-8, which has no surrogates; of a whole text they stand for nothing.
        read = _SURROGATE.sub("\ufffd", text) if self.patterns else ""
        for expression in self._expressions:
            found += (match.span() for match in expression.finditer(read))
        return [(start, end) for start, end in merged(found) if not text[start:end].isspace()]

    @cached_property
    def _expressions(self) -> tuple[Any, ...]:
        return tuple(_compiled(number, text) for number, text in enumerate(self.patterns))

    def _spans_of(self, document: Document) -> Iterator[tuple[int, int]]:
        for start, end in self.spans.get(document.id, ()):
            if not 0 <= start < end <= len(document.text):
                problem = f"[{start}, {end}) is not in a text of {len(document.text)}"
                raise InvalidInput("protected_spans", problem)
            yield start, end


UNPROTECTED: Final = Protection()


def check_pattern(pattern: str, number: int) -> None:
    """Raises ``InvalidInput`` unless the pattern, the one at ``number``, can be read."""
    _compiled(number, pattern)


def _compiled(number: int, pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    import re2

    options = re2.Options()
    # It would write the pattern to the standard error: texts of requests are in no log.
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        problem = error.args[0].decode() if isinstance(error.args[0], bytes) else "not readable"
        # What follows the colon is of the pattern.
        what = problem.partition(":")[0]
        raise InvalidInput(f"protected_patterns[{number}]", f"RE2 says: {what}") from None
    except UnicodeEncodeError:
        raise InvalidInput(f"protected_patterns[{number}]", "is not Unicode") from None


def occurrences(text: str, literals: Sequence[str]) -> list[tuple[int, int]]:
    """Sorted, disjoint ranges where any of the literals stands in the text, also over itself."""
    found: list[tuple[int, int]] = []
    for literal in filter(None, literals):
        position = text.find(literal)
        period = _period(literal) if position >= 0 else 0
        while position >= 0:
            last = position
            while text.startswith(literal, last + period):
                last += period
            found.append((position, last + len(literal)))
            position = text.find(literal, last + period)
    return merged(found)


def _period(literal: str) -> int:
    """The least distance at which a literal can stand over itself, or behind: 1 for "aa"."""
    # The prefix function of Knuth, Morris and Pratt: the longest proper end that is a beginning.
    borders = [0]
    for character in literal[1:]:
        border = borders[-1]
        while border and literal[border] != character:
            border = borders[border - 1]
        borders.append(border + (literal[border] == character))
    return len(literal) - borders[-1]


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same characters as sorted, disjoint ranges; empty ranges vanish."""
    disjoint: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if start == end:
            continue
        if disjoint and start <= disjoint[-1][1]:
            disjoint[-1] = (disjoint[-1][0], max(end, disjoint[-1][1]))
        else:
            disjoint.append((start, end))
    return disjoint
