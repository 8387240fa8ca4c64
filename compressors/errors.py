"""Errors a caller can act on.

CompressionError
├── InvalidInput       the request can never succeed; fix the field that it names
├── NotFound           the request names something that this server does not have
├── Unavailable        not ready, draining, or lacking what is asked; try elsewhere or later
├── Overloaded         too much work is waiting; try again after the delay that it names
│   └── QuotaExceeded  the tenant has used up what it may compute; likewise
├── DeadlineExceeded   the time that the request had is over
├── Cancelled          nobody waits for the result any more
└── ModelFailure       a model broke; trying again may help
"""

from __future__ import annotations


class CompressionError(Exception):
    """The root of all errors of this project."""


class InvalidInput(CompressionError):
    """The request can never succeed. ``field`` is the path of what must be fixed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotFound(CompressionError):
    """The request names something that does not exist here. ``field`` is where it does so."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Unavailable(CompressionError):
    """The service cannot do this now."""


class Overloaded(CompressionError):
    """Too much work is waiting. ``retry_after`` is in seconds."""

    def __init__(self, problem: str, *, retry_after: float) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class QuotaExceeded(Overloaded):
    """A tenant asked for more than it may compute: ``limit`` tokens a minute."""

    def __init__(self, problem: str, *, tenant: str, limit: int, retry_after: float) -> None:
        super().__init__(problem, retry_after=retry_after)
        self.tenant = tenant
        self.limit = limit


class DeadlineExceeded(CompressionError):
    """The time that the request had is over."""


class Cancelled(CompressionError):
    """Nobody waits for the result any more."""


class ModelFailure(CompressionError):
    """A model broke while it worked on the request."""
