"""A server process on models of the hand; `python -m tests.service.by_hand KIND`."""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from compressors.protocols import Encoded
from compressors.values import Document
from service.pipeline import Pipeline
from service.request import BudgetSpec, Request
from service.server import serve
from service.settings import Settings
from tests.service.hand import CATS, LOUVRE, QUERY, Overlap, pipeline

_LOG = logging.getLogger("service.by_hand")


class Deadly(Overlap):
    """What no engine survives."""

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        raise GeneratorExit


class Hanging(Overlap):
    """Says that it is busy, and is so for ever."""

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        _LOG.info("busy")
        Event().wait()
        raise AssertionError


class Slow(Overlap):
    """Says that it is busy, and takes a second."""

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[float]:
        _LOG.info("busy")
        # In steps, so that time in which the process was stopped counts for one of them.
        for _ in range(20):
            Event().wait(0.05)
        return super().__call__(batch)


@contextmanager
def endless(settings: Settings) -> Iterator[Pipeline]:
    """Models that are never there."""
    _LOG.info("loading")
    Event().wait()
    with pipeline(settings, Overlap()) as made:
        yield made


@contextmanager
def warming(settings: Settings) -> Iterator[Pipeline]:
    """Models that are tried before they serve, and hang."""
    with pipeline(settings, Hanging()) as made:
        text = Document("1", LOUVRE + CATS)
        made.compress(Request(query=QUERY, documents=(text,), budget=BudgetSpec(rate=0.5)))
        yield made


def freeze(*_: object) -> None:
    """Stop the main thread for ever, and with it the loop."""
    Event().wait()


MODELS = {"quick": Overlap, "deadly": Deadly, "hanging": Hanging, "slow": Slow}
OPENED = {"loading": endless, "warming": warming}


def main(kind: str) -> int:
    settings = Settings.load(os.environ)
    signal.signal(signal.SIGUSR1, freeze)
    if kind in OPENED:
        return serve(settings, open_pipeline=OPENED[kind])
    return serve(settings, open_pipeline=lambda given: pipeline(given, MODELS[kind]()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
