"""Around what stages do: a mistake of ours fails one stage, and nobody segments for who is gone."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from compressors.budget import Budget
from compressors.errors import CompressionError, ModelFailure
from compressors.protocols import Compressor, Segmenter, is_strict
from compressors.values import Context
from compressors.work import current

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A compressor that raises ``CompressionError`` only, as all of them promise."""

    compressor: Compressor

    @property
    def name(self) -> str:
        return self.compressor.name

    @property
    def backend(self) -> str:
        return self.compressor.backend

    @property
    def is_strict(self) -> bool:
        return is_strict(self.compressor)

    def compress(self, context: Context, budget: Budget) -> Context:
        try:
            return self.compressor.compress(context, budget)
        except CompressionError:
            raise
        except Exception as error:
            # Where it happened, without the message: that may quote the text.
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("%s broke with %s\n%s", self.name, type(error).__name__, frames)
            raise ModelFailure(f"{self.name} broke with {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class WantedSegmenter:
    """A ``Segmenter`` that begins no text of a request that is cancelled, or late.

    Raises what ``Work.check`` raises.
    """

    segmenter: Segmenter

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        current().check()
        return self.segmenter.spans(text)
