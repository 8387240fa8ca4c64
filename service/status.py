"""What the wire says of an error: one table, and the details that go with it."""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped] # has no stubs
    BadRequest,
    ErrorInfo,
    QuotaFailure,
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # has no stubs

from compressors.errors import (
    Cancelled,
    CompressionError,
    DeadlineExceeded,
    InvalidInput,
    ModelFailure,
    NotFound,
    Overloaded,
    QuotaExceeded,
    Unavailable,
)
from service.calls import REQUEST_ID, Call
from service.refusals import NotAllowed, NotConfigured, Unauthenticated

_LOG = logging.getLogger(__name__)

STATUS: dict[type[CompressionError], grpc.StatusCode] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Cancelled: grpc.StatusCode.CANCELLED,
    ModelFailure: grpc.StatusCode.INTERNAL,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    NotConfigured: grpc.StatusCode.FAILED_PRECONDITION,
}

DOMAIN = "condensery.v1"
_DETAILS = "grpc-status-details-bin"
_PUSHBACK = "grpc-retry-pushback-ms"
# Headers are limited to 8 KiB in many places, and a message takes up to 9 bytes a character there.
_LONGEST = 300
_SOONEST_RETRY, _LATEST_RETRY = 0.05, 60.0


def reason_of(error: CompressionError) -> str:
    """The name of an error for machines, such as ``INVALID_INPUT``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).upper()


def code_of(error: CompressionError) -> grpc.StatusCode:
    """The status of an error, or of the nearest kind of it that the table has."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def status_of(error: CompressionError, request_id: str) -> Status:
    """The rich status of an error; of one of ours inside, nothing but the id of the request."""
    code = code_of(error)
    text = str(error)
    if code is grpc.StatusCode.INTERNAL:
        text = f"a model failed; request {request_id}"
    details = [*_details(error), _info(reason_of(error), request_id, cause=error.__cause__)]
    return _status(code, text, details)


def internal(request_id: str) -> Status:
    """The status of an error that nobody foresaw."""
    text = f"internal error; request {request_id}"
    return _status(grpc.StatusCode.INTERNAL, text, [_info("INTERNAL", request_id)])


def trailers(status: Status, request_id: str) -> list[tuple[str, str | bytes]]:
    """What goes to the client with the status."""
    pairs: list[tuple[str, str | bytes]] = [
        (_DETAILS, status.SerializeToString()),
        (REQUEST_ID, request_id),
    ]
    retry = RetryInfo()
    if any(detail.Unpack(retry) for detail in status.details):
        milliseconds = math.ceil(retry.retry_delay.ToTimedelta().total_seconds() * 1000)
        pairs.append((_PUSHBACK, str(milliseconds)))
    return pairs


def _details(error: CompressionError) -> list[Message]:
    if isinstance(error, InvalidInput | NotFound):
        violation = BadRequest.FieldViolation(
            field=_cut(error.field), description=_cut(error.problem), reason=reason_of(error)
        )
        return [BadRequest(field_violations=[violation])]
    if isinstance(error, Overloaded):
        retry = RetryInfo()
        seconds = min(max(error.retry_after, _SOONEST_RETRY), _LATEST_RETRY)
        retry.retry_delay.FromMilliseconds(math.ceil(seconds * 1000))
        return [retry, _quota(error)] if isinstance(error, QuotaExceeded) else [retry]
    return []


def _quota(error: QuotaExceeded) -> QuotaFailure:
    violation = QuotaFailure.Violation(
        subject=f"tenant:{_cut(error.tenant)}",
        description=_cut(str(error)),
        api_service=DOMAIN,
        quota_metric="tokens per minute",
        quota_value=error.limit,
    )
    return QuotaFailure(violations=[violation])


def _info(reason: str, request_id: str, *, cause: BaseException | None = None) -> ErrorInfo:
    metadata = {"request_id": request_id}
    # What the SDKs of LLMs raise for a status of HTTP has it under this name.
    if isinstance(upstream := getattr(cause, "status_code", None), int):
        metadata["upstream_status"] = str(upstream)
    return ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)


def _status(code: grpc.StatusCode, text: str, details: list[Message]) -> Status:
    packed = []
    for detail in details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    return Status(code=code.value[0], message=_cut(text), details=packed)


def _cut(text: str) -> str:
    # Only valid UTF-8 goes over the wire; a name from a JSON file may hold a lone surrogate.
    valid = text.encode("utf-8", "replace").decode()
    return valid if len(valid) <= _LONGEST else f"{valid[: _LONGEST - 1]}…"


@asynccontextmanager
async def translated(call: Call) -> AsyncIterator[None]:
    """Around a call: every error leaves as a status. Nothing unforeseen is told to the client."""
    try:
        yield
    except CompressionError as error:
        if code_of(error) is grpc.StatusCode.INTERNAL:
            _log(call, error)
        await _abort(call, status_of(error, call.request_id))
    except asyncio.CancelledError:
        # Only if grpc cancelled the call may this leave: a client would wait for ever for an
        # answer to a call that ends with the cancellation of something else.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        await _abort(call, status_of(Unavailable("the work was cancelled"), call.request_id))
    except grpc.aio.BaseError:
        raise
    except Exception as error:  # noqa: BLE001 - a client must hear of it, but not what it was
        _log(call, error)
        await _abort(call, internal(call.request_id))


async def _abort(call: Call, status: Status) -> None:
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    await call.context.abort(code, status.message, tuple(trailers(status, call.request_id)))


def _log(call: Call, error: Exception) -> None:
    _LOG.error(
        "a call failed",
        exc_info=error,
        extra={"request_id": call.request_id, "method": call.method},
    )
