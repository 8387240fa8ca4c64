"""A server process on models of the hand; `python -m tests.service.by_hand KIND`."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from compressors.protocols import Encoded
from service.pipeline import Pipeline
from service.server import serve
from service.settings import Settings
from tests.service.hand import Overlap, pipeline

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


@contextmanager
def endless(settings: Settings) -> Iterator[Pipeline]:
    """Models that are never there."""
    _LOG.info("loading")
    Event().wait()
    with pipeline(settings, Overlap()) as made:
        yield made


MODELS = {"quick": Overlap, "deadly": Deadly, "hanging": Hanging}


def main(kind: str) -> int:
    settings = Settings.load(os.environ)
    if kind == "loading":
        return serve(settings, open_pipeline=endless)
    return serve(settings, open_pipeline=lambda given: pipeline(given, MODELS[kind]()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
