"""Structured logs, one JSON object a line, that never hold a text of a request."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import TextIO

from service.calls import Call
from service.identity import tenant

_LOG = logging.getLogger(__name__)
_OURS = ("service", "compressors", "retrieval")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger, what our own code says, and where an exception came from.

    The words of an exception may quote what it choked on, so only its type and frames are
    written. For the same reason other libraries are quoted by their template alone, without
    what was put into it.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
        }
        if is_ours(record.name):
            entry["message"] = record.getMessage()
            entry |= {k: v for k, v in vars(record).items() if k not in _STANDARD}
        else:
            entry["template"] = record.msg if record.args else ""
            entry["at"] = f"{record.pathname}:{record.lineno}"
        if record.exc_info and record.exc_info[1] is not None:
            entry["exceptions"] = list(_exceptions(record.exc_info[1]))
        return json.dumps(entry, default=str)


def is_ours(logger: str) -> bool:
    return logger.partition(".")[0] in _OURS


def _exceptions(error: BaseException) -> Iterator[dict[str, object]]:
    """An exception and its causes, without their words."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.extract_tb(current.__traceback__)
        yield {
            "type": f"{type(current).__module__}.{type(current).__qualname__}",
            "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
        hidden = current.__context__ if not current.__suppress_context__ else None
        current = current.__cause__ or hidden


@contextmanager
def structured(level: str, stream: TextIO | None = None) -> Iterator[None]:
    """Log so to a stream, by default standard error, while the block runs.

    ``level`` is for our own code; others are heard from WARNING on, for their lower levels
    describe whole requests.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(lambda r: is_ours(r.name) or r.levelno >= logging.WARNING)
    root = logging.getLogger()
    loggers = [logging.getLogger(name) for name in _OURS]
    before = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for logger, earlier in zip(loggers, before, strict=True):
            logger.setLevel(earlier)


@asynccontextmanager
async def logged(call: Call) -> AsyncIterator[None]:
    """Around a call: one line at its end."""
    start = time.perf_counter()
    ended: BaseException | None = None
    try:
        yield
    except BaseException as error:
        ended = error
        raise
    finally:
        _LOG.info(
            "call",
            extra={
                "request_id": call.request_id,
                "method": call.method,
                "code": call.code(ended).name,
                "seconds": round(time.perf_counter() - start, 6),
                "peer": call.context.peer(),
                "tenant": tenant(),
            },
        )
