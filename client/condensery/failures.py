"""Errors for what gRPC says went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped] # no stubs

from condensery.errors import (
    AccessDenied,
    Cancelled,
    CondenseryError,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    NotSupported,
    Overloaded,
    ServerFailure,
    Unavailable,
)

_DETAILS = "grpc-status-details-bin"
_PUSHBACK = "grpc-retry-pushback-ms"

_PLAIN: dict[grpc.StatusCode, type[CondenseryError]] = {
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.FAILED_PRECONDITION: NotSupported,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.UNIMPLEMENTED: NotSupported,
}
"""All others are failures of the server, but for the three that carry details."""


class FailedCall(Protocol):
    """What the errors of ``grpc`` and ``grpc.aio`` have in common."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


def error_of(call: FailedCall) -> CondenseryError:
    """The error of a call that failed, with what the server said about it."""
    code, message = call.code(), call.details() or "no details"
    trailers = dict(call.trailing_metadata() or ())
    details = _Details(trailers.get(_DETAILS))
    match code:
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.OUT_OF_RANGE:
            return InvalidRequest(*(details.violation() or ("", message)))
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(*(details.violation() or ("", message)))
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in message:
            # gRPC itself says this of a message over the limit, which stays over it.
            return InvalidRequest("", message)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            delay = details.retry_delay()
            return Overloaded(message, retry_after=delay or _pushback(trailers.get(_PUSHBACK)))
    return _PLAIN.get(code, ServerFailure)(message)


class _Details:
    """The standard error details that came with a status, if any."""

    def __init__(self, data: str | bytes | None) -> None:
        self._status = status_pb2.Status()
        if isinstance(data, bytes):
            # What cannot be parsed says nothing; the status itself still stands.
            try:
                self._status.ParseFromString(data)
            except ValueError:
                self._status.Clear()

    def violation(self) -> tuple[str, str] | None:
        """The field and the problem that come first."""
        bad = error_details_pb2.BadRequest()
        for detail in self._status.details:
            if detail.Is(bad.DESCRIPTOR) and detail.Unpack(bad) and bad.field_violations:
                return bad.field_violations[0].field, bad.field_violations[0].description
        return None

    def retry_delay(self) -> float | None:
        """Seconds, if the server named a delay."""
        info = error_details_pb2.RetryInfo()
        for detail in self._status.details:
            if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
                return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
        return None


def _pushback(value: str | bytes | None) -> float | None:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return int(text) / 1000 if text and text.isdecimal() else None
