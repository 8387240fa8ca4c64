"""Outcomes in a file that is only ever added to, so that what is done is not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from evaluation.measures import Outcome

_NO_CODE: Final = frozenset({"__pycache__"})


class Store:
    """The outcomes of one set by one method, as lines of JSON; never a text.

    ``fingerprint`` says what decides them. Lines with another one stay where they are, and do not
    count; neither does a line that is not whole, such as the last one of a run that was killed.
    """

    def __init__(self, file: Path, fingerprint: str) -> None:
        self._file = file
        self._fingerprint = fingerprint
        self._found: dict[tuple[str, int | None, str], Outcome] = {}
        if file.exists():
            for line in file.read_bytes().splitlines():
                self._read(line)

    def get(self, point: str, budget: int | None, id_: str) -> Outcome | None:
        """The outcome of an example at a point with so many tokens, ``None``: without a limit."""
        return self._found.get((point, budget, id_))

    def add(self, outcomes: Iterable[tuple[str, int | None, Outcome]]) -> None:
        """Write outcomes with their points and budgets, all of them or, if that fails, some."""
        lines = []
        for point, budget, outcome in outcomes:
            self._found[point, budget, outcome.id] = outcome
            values = {"fingerprint": self._fingerprint, "point": point, "budget": budget}
            lines.append(json.dumps(values | {"outcome": asdict(outcome)}) + "\n")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a+b") as file:
            # A torn line ends here, so that it does not spoil the next one.
            if file.tell() and not self._ends():
                file.write(b"\n")
            file.write("".join(lines).encode())

    def _ends(self) -> bool:
        with self._file.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"

    def _read(self, line: bytes) -> None:
        try:
            values = json.loads(line)
            if values["fingerprint"] != self._fingerprint:
                return
            key = values["point"], values["budget"]
            outcome = Outcome(**values["outcome"])
        except (ValueError, TypeError, KeyError):
            return
        self._found[*key, outcome.id] = outcome


def fingerprint(deciding: Mapping[str, Any]) -> str:
    """A short name for everything that decides an outcome; anything that JSON can hold."""
    text = json.dumps(deciding, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest(*paths: Path) -> str:
    """The SHA-256 of files, and of all files in folders but compiled code, in their order."""
    whole = hashlib.sha256()
    for path in paths:
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in found:
            if file.is_file() and not _NO_CODE & set(file.parts):
                whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()
