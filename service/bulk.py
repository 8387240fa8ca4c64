"""Many requests of a file at once, their results in its order."""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from condensery import Compression, CondenseryError, Unavailable
from service.jsonl import BadLine, Line

Outcome = tuple[Line, Compression] | BadLine


def compressed(
    lines: Iterable[Line | BadLine],
    compress: Callable[[Line], Compression],
    *,
    at_once: int,
) -> Generator[Outcome, None, None]:
    """The result of every line, or what was wrong with it, in order.

    ``at_once`` lines are worked on at a time, and no more than twice as many are held. Raises
    ``Unavailable``, since that is true of every further line too.
    """
    pool = ThreadPoolExecutor(at_once)
    waiting: deque[Future[Outcome] | BadLine] = deque()
    try:
        for line in lines:
            waiting.append(line if isinstance(line, BadLine) else pool.submit(_one, line, compress))
            if len(waiting) >= 2 * at_once:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _one(line: Line, compress: Callable[[Line], Compression]) -> Outcome:
    try:
        return line, compress(line)
    except Unavailable:
        raise
    except CondenseryError as error:
        return BadLine(line.number, str(error))


def _result(waiting: Future[Outcome] | BadLine) -> Outcome:
    return waiting if isinstance(waiting, BadLine) else waiting.result()


@contextmanager
def opened(path: Path, count: Callable[[int], None]) -> Iterator[Iterable[bytes]]:
    """The lines of a file, unpacked if it is a gzip; ``count`` gets the bytes read of the file.

    Raises ``OSError`` or ``EOFError`` from the lines, too.
    """
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        source: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if packed else raw
        yield _counted(source, raw, count)


def _counted(source: Iterable[bytes], raw: Any, count: Callable[[int], None]) -> Iterator[bytes]:  # noqa: ANN401 - mypy knows no reader with tell
    read = 0
    try:
        for line in source:
            yield line
            # A pipe has no position; its progress is not known.
            position = raw.tell() if raw.seekable() else read
            count(position - read)
            read = position
    except zlib.error as error:
        raise OSError(f"not a whole gzip file: {error}") from error
