"""Compress the requests of a JSONL file into lines of results, and say how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from condensery import Client, Compression
from service.bulk import compressed, opened
from service.jsonl import BadLine, Line, read_lines, written

_STANDARD = Path("-")


def compress_lines(
    client: Client, source: Path, output: Path, options: Mapping[str, Any], *, at_once: int
) -> int:
    """Write a line for every good line of ``source``. Gives the number of bad ones.

    Those are reported on standard error, with their numbers. Both paths may be ``-``.
    """

    def compress(line: Line) -> Compression:
        # Nobody waits for a line of a file as somebody may for an answer of the same server.
        return client.compress(line.query, line.documents, priority="bulk", **options)

    tally = _Tally()
    with _progress() as progress, _writing(output) as file:
        task = progress.add_task("", total=_size(source), done="")

        def read(size: int) -> None:
            progress.advance(task, size)

        with _reading(source, read) as raw:
            for outcome in compressed(read_lines(raw), compress, at_once=at_once):
                if isinstance(outcome, BadLine):
                    tally.bad += 1
                    progress.console.print(f"[red]{escape(str(outcome))}", soft_wrap=True)
                else:
                    line, result = outcome
                    tally.add(result)
                    file.write((written(line.id, result) + "\n").encode())
                progress.update(task, done=str(tally))
    return tally.bad


class _Tally:
    def __init__(self) -> None:
        self.good = self.bad = self.before = self.after = self.insufficient = 0

    def add(self, result: Compression) -> None:
        self.good += 1
        self.before += result.totals.tokens_before
        self.after += result.totals.tokens_after
        self.insufficient += result.insufficient_evidence

    def __str__(self) -> str:
        share = f" ({self.after / self.before:.1%})" if self.before else ""
        bad = f", {self.bad:,} bad" if self.bad else ""
        without = f", {self.insufficient:,} without evidence" if self.insufficient else ""
        return f"{self.good:,} lines{bad}{without}, {self.before:,} → {self.after:,} tokens{share}"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.fields[done]}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        # Results may go to standard output.
        console=Console(stderr=True, highlight=False),
    )


def _size(source: Path) -> int | None:
    return source.stat().st_size if source.is_file() else None


@contextmanager
def _writing(output: Path) -> Iterator[IO[bytes]]:
    if output == _STANDARD:
        yield sys.stdout.buffer
        return
    with output.open("wb") as file:
        yield file


@contextmanager
def _reading(source: Path, count: Any) -> Iterator[Any]:  # noqa: ANN401 - see opened
    path = Path("/dev/stdin") if source == _STANDARD else source
    with opened(path, count) as lines:
        yield lines
