"""Every error has one status, and nothing that happened inside gets out."""

from collections.abc import Iterator

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo

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
from service.refusals import NotAllowed, NotConfigured, Unauthenticated
from service.status import STATUS, code_of, internal, status_of, trailers

ERRORS = [
    InvalidInput("query", "must not be blank"),
    NotFound("chain", "unknown: 'x'"),
    Unavailable("draining"),
    Overloaded("9 tokens wait", retry_after=0.3),
    QuotaExceeded("60 tokens a minute", tenant="search", limit=60, retry_after=0.3),
    DeadlineExceeded("over"),
    Cancelled("cancelled"),
    ModelFailure("tensor of secret words"),
    Unauthenticated("authorization: Bearer is missing"),
    NotAllowed("of none of those who are let in"),
    NotConfigured("no LLM"),
]


def below(kind: type[CompressionError]) -> Iterator[type[CompressionError]]:
    # Other tests may have made errors of their own.
    for each in kind.__subclasses__():
        if each.__module__ in ("compressors.errors", "service.refusals"):
            yield each
            yield from below(each)


def test_every_error_has_a_status_and_no_two_kinds_have_the_same() -> None:
    assert {kind for kind in below(CompressionError) if CompressionError in kind.__bases__} == set(
        STATUS
    )
    assert len(set(STATUS.values())) == len(STATUS)
    assert {type(error) for error in ERRORS} == set(below(CompressionError))
    assert grpc.StatusCode.UNKNOWN not in STATUS.values()


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_goes_out_with_its_status_and_its_name(error: CompressionError) -> None:
    status = status_of(error, "id-1")

    info = ErrorInfo()
    assert status.code == code_of(error).value[0]
    assert status.details[-1].Unpack(info)
    assert info.reason.replace("_", "").lower() == type(error).__name__.lower()
    assert (info.domain, dict(info.metadata)) == ("condensery.v1", {"request_id": "id-1"})


def test_bad_input_names_its_field() -> None:
    status = status_of(InvalidInput("documents[3].id", "was given before"), "id-1")

    bad = BadRequest()
    assert status.details[0].Unpack(bad)
    (violation,) = bad.field_violations
    assert (violation.field, violation.description) == ("documents[3].id", "was given before")
    assert violation.reason == "INVALID_INPUT"


def test_overload_says_when_to_come_again_in_both_ways() -> None:
    status = status_of(Overloaded("full", retry_after=0.3), "id-1")

    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 300
    assert ("grpc-retry-pushback-ms", "300") in trailers(status, "id-1")


def test_a_quota_says_whose_it_is_how_large_and_when_to_come_again() -> None:
    error = QuotaExceeded("60 tokens a minute", tenant="search", limit=60, retry_after=0.3)

    status = status_of(error, "id-1")

    retry, quota = RetryInfo(), QuotaFailure()
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert status.details[0].Unpack(retry)
    assert status.details[1].Unpack(quota)
    (violation,) = quota.violations
    assert (violation.subject, violation.quota_value) == ("tenant:search", 60)
    assert violation.description == "60 tokens a minute"
    assert ("grpc-retry-pushback-ms", "300") in trailers(status, "id-1")


def test_an_endless_delay_is_cut() -> None:
    status = status_of(Overloaded("full", retry_after=float("inf")), "id-1")

    assert ("grpc-retry-pushback-ms", "60000") in trailers(status, "id-1")


def test_no_other_error_says_when_to_come_again() -> None:
    names = [
        name
        for error in ERRORS
        if not isinstance(error, Overloaded)
        for name, _ in trailers(status_of(error, "id-1"), "id-1")
    ]

    assert "grpc-retry-pushback-ms" not in names


def test_what_broke_inside_is_told_by_its_id_only() -> None:
    for status in (status_of(ModelFailure("tensor of secret words"), "id-1"), internal("id-1")):
        assert "id-1" in status.message
        assert b"secret" not in status.SerializeToString()


def test_a_subclass_of_an_error_has_the_status_of_the_error() -> None:
    class OutOfMemory(ModelFailure):
        pass

    assert status_of(OutOfMemory("cuda"), "id-1").code == grpc.StatusCode.INTERNAL.value[0]


LONG = "\ud800é" * 100_000


@pytest.mark.parametrize(
    "error",
    [NotFound("chain", LONG), QuotaExceeded(LONG, tenant=LONG, limit=2**31, retry_after=60.0)],
    ids=["name", "quota"],
)
def test_a_status_fits_into_headers_whatever_it_quotes(error: CompressionError) -> None:
    status = status_of(error, "id-1")

    size = sum(len(name) + 3 * len(value) for name, value in trailers(status, "id-1"))
    assert size + 9 * len(status.message) < 8192
