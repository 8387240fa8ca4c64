"""A server process on models of the hand; `python -m tests.service.by_hand KIND`."""

import logging
import os
import sys
from collections.abc import Sequence
from threading import Event

from compressors.protocols import Encoded
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


KINDS = {"quick": Overlap, "deadly": Deadly, "hanging": Hanging}

if __name__ == "__main__":
    model = KINDS[sys.argv[1]]()
    settings = Settings.load(os.environ)
    sys.exit(serve(settings, open_pipeline=lambda given: pipeline(given, model)))
