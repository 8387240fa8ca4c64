"""JSON lines whose mistakes can be found: every complaint names file, line and field."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

_GZIP: Final = b"\x1f\x8b"


class BadRow(ValueError):
    """A line of a data set is not as its schema says; the message never quotes what it holds."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value in a line, with the way to it. Every method raises ``BadRow`` on the wrong kind."""

    path: Path
    line: int
    name: str
    value: Any

    def fail(self, what: str) -> NoReturn:
        if self.value is None and self.name:
            what = "is missing"
        raise BadRow(f"{self.path}:{self.line}: {self.name or 'the line'} {what}")

    def __contains__(self, key: str) -> bool:
        return self._mapping().get(key) is not None

    def __getitem__(self, key: str) -> Field:
        return self._at(f"{self.name}.{key}" if self.name else key, self._mapping().get(key))

    def items(self) -> list[Field]:
        if not isinstance(self.value, list):
            self.fail("is no list")
        return [self._at(f"{self.name}[{at}]", one) for at, one in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail("is no text")
        try:
            self.value.encode()
        except UnicodeEncodeError:
            # JSON may hold half a surrogate pair; no tokenizer takes it.
            self.fail("is no valid Unicode")
        return self.value

    def texts(self) -> tuple[str, ...]:
        return tuple(one.text() for one in self.items())

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail("is neither true nor false")
        return self.value

    def index(self, size: int) -> int:
        """A number of one of ``size`` things, from 0."""
        if type(self.value) is not int or not 0 <= self.value < size:
            self.fail(f"is no whole number from 0 to {size - 1}")
        return int(self.value)

    def pair(self) -> tuple[Field, Field]:
        items = self.items()
        if len(items) != 2:  # noqa: PLR2004 - a pair
            self.fail("is no pair")
        return items[0], items[1]

    def _mapping(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            self.fail("is no object")
        return self.value

    def _at(self, name: str, value: object) -> Field:
        return Field(self.path, self.line, name, value)


def rows(path: Path) -> Iterator[Field]:
    """The lines of a ``.jsonl`` file, gzipped or not; empty ones are skipped.

    Raises ``OSError`` if the file cannot be read and ``BadRow`` if a line is no JSON object.
    """
    for number, line in _lines(path):
        if not line.strip():
            continue
        row = Field(path, number, "", None)
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            # Without its cause, which holds the whole line.
            raise BadRow(f"{path}:{number}: the line is no JSON") from None
        if not isinstance(value, dict):
            row.fail("is no object")
        yield Field(path, number, "", value)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        is_gzip = file.read(len(_GZIP)) == _GZIP
    number = 0
    with gzip.open(path) if is_gzip else path.open("rb") as file:
        try:
            for number, line in enumerate(file, start=1):
                yield number, line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadRow(f"{path}:{number + 1}: the file is broken gzip from here on") from error
