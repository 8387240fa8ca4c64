"""Errors a caller can act on.

CondenseryError
├── InvalidRequest      the request can never succeed; fix the field that it names
├── NotFound            the request names something that this server does not have
├── NotSupported        this server cannot do that at all; ask another one
├── AccessDenied        the token or the certificate is missing, wrong or not enough
├── Unavailable         nobody answers, or not now; try again later
├── Overloaded          too much work is waiting; try again after the delay that it names
├── DeadlineExceeded    the time that the call had is over; give it more, or less to do
├── Cancelled           somebody gave the call up
├── ServerFailure       the server broke, or does not speak our contract
└── NotInstalled        the work was to be done in this process, which lacks the packages for it
"""

from __future__ import annotations


class CondenseryError(Exception):
    """The root of all errors that the client raises."""

    def __reduce__(self) -> tuple[object, ...]:
        # The default calls the constructor with the message alone, which loses what came with it.
        return (_restored, (type(self), self.args, self.__dict__))


class InvalidRequest(CondenseryError):
    """The request can never succeed. ``field`` is the path of what must be fixed, or empty."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class NotFound(CondenseryError):
    """The request names something that does not exist there. ``field`` is where it does so."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class NotSupported(CondenseryError):
    """This server does not do that, and will not in a minute either."""


class AccessDenied(CondenseryError):
    """The server does not take the token or the certificate."""


class Unavailable(CondenseryError):
    """No server can be reached, or it is starting or stopping. It was tried several times."""


class Overloaded(CondenseryError):
    """Too much work is waiting there. ``retry_after`` is in seconds, ``None`` if it did not say."""

    def __init__(self, problem: str, *, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class DeadlineExceeded(CondenseryError):
    """The time that the call had is over."""


class Cancelled(CondenseryError):
    """Somebody gave the call up: this client by closing, or the server."""


class ServerFailure(CondenseryError):
    """The server broke while it worked on the request, or answered what cannot be understood."""


class NotInstalled(CondenseryError):
    """This process lacks the distribution ``condensery-server``, which does the work itself."""


def _restored(
    kind: type[CondenseryError], args: tuple[object, ...], state: dict[str, object]
) -> CondenseryError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error
