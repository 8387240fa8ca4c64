"""What the clients do when something goes wrong."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
import pytest

import condensery
from condensery import (
    AccessDenied,
    AsyncClient,
    Cancelled,
    Client,
    CondenseryError,
    Connection,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    NotSupported,
    Overloaded,
    ServerFailure,
    Unavailable,
)
from condensery.v1 import compression_pb2 as pb
from tests.client.servicer import Fault, SentenceService, serving

TEXTS = ["Paris is big. Rome too.", "Oslo."]

FAILURES: list[tuple[Fault, type[CondenseryError]]] = [
    (Fault(grpc.StatusCode.INVALID_ARGUMENT, field="query"), InvalidRequest),
    (Fault(grpc.StatusCode.OUT_OF_RANGE), InvalidRequest),
    (Fault(grpc.StatusCode.NOT_FOUND, field="chain"), NotFound),
    (Fault(grpc.StatusCode.FAILED_PRECONDITION), NotSupported),
    (Fault(grpc.StatusCode.UNIMPLEMENTED), NotSupported),
    (Fault(grpc.StatusCode.UNAUTHENTICATED), AccessDenied),
    (Fault(grpc.StatusCode.PERMISSION_DENIED), AccessDenied),
    (Fault(grpc.StatusCode.DEADLINE_EXCEEDED), DeadlineExceeded),
    (Fault(grpc.StatusCode.CANCELLED), Cancelled),
    (Fault(grpc.StatusCode.INTERNAL), ServerFailure),
    (Fault(grpc.StatusCode.UNKNOWN), ServerFailure),
    (Fault(grpc.StatusCode.DATA_LOSS), ServerFailure),
]


@pytest.fixture
def dead() -> str:
    """A target where nobody listens."""
    with serving(SentenceService()) as target:
        pass
    return target


@pytest.mark.parametrize(
    ("fault", "kind"), FAILURES, ids=[fault.code.name for fault, _ in FAILURES]
)
async def test_every_status_is_the_same_error_in_every_call_of_both_clients(
    target: str, service: SentenceService, fault: Fault, kind: type[CondenseryError]
) -> None:
    raised: list[CondenseryError] = []
    service.faults.extend([fault] * 6)

    with Client(target) as client:
        for call in (
            lambda: client.compress("Paris", TEXTS),
            lambda: list(client.compress_stream("Paris", TEXTS)),
            lambda: list(client.generate("Paris", TEXTS)),
        ):
            with pytest.raises(kind, match="as the test says") as caught:
                call()
            raised.append(caught.value)
    async with AsyncClient(target) as asynchronous:
        with pytest.raises(kind) as caught:
            await asynchronous.compress("Paris", TEXTS)
        raised.append(caught.value)
        for stream in (asynchronous.compress_stream, asynchronous.generate):
            with pytest.raises(kind) as caught:
                async for _ in stream("Paris", TEXTS):
                    pass
            raised.append(caught.value)

    assert {str(each) for each in raised} == {str(raised[0])}
    assert {getattr(each, "field", "") for each in raised} == {fault.field}


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
async def test_what_may_pass_is_tried_again(
    target: str, service: SentenceService, code: grpc.StatusCode
) -> None:
    service.faults.extend([Fault(code)] * 2)
    async with AsyncClient(target) as asynchronous:
        theirs = await asynchronous.compress("Paris", TEXTS)
    service.faults.extend([Fault(code)] * 2)
    with Client(target) as client:
        ours = client.compress("Paris", TEXTS)

    assert ours == theirs
    assert len(service.requests) == 6
    assert [each.get("grpc-previous-rpc-attempts") for each in service.metadata[:3]] == [
        None,
        "1",
        "2",
    ]


def test_four_attempts_are_enough(client: Client, service: SentenceService) -> None:
    service.faults.extend([Fault(grpc.StatusCode.UNAVAILABLE)] * 9)

    with pytest.raises(Unavailable):
        client.compress("Paris", TEXTS)

    assert len(service.requests) == 4


def test_what_cannot_get_better_is_not_tried_again(
    client: Client, service: SentenceService
) -> None:
    service.faults.append(Fault(grpc.StatusCode.INTERNAL))

    with pytest.raises(ServerFailure):
        client.compress("Paris", TEXTS)

    assert len(service.requests) == 1


def test_tries_again_when_the_server_says(client: Client, service: SentenceService) -> None:
    service.faults.append(Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=0.7))
    start = time.monotonic()

    client.compress("Paris", TEXTS)

    # The client's own delay would be at most 0.12 seconds.
    assert time.monotonic() - start >= 0.7
    assert len(service.requests) == 2


def test_says_when_to_try_again_if_it_gave_up(client: Client, service: SentenceService) -> None:
    service.faults.extend([Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=0.05)] * 4)

    with pytest.raises(Overloaded) as raised:
        client.compress("Paris", TEXTS)

    assert raised.value.retry_after == pytest.approx(0.05)


def test_stops_trying_again_where_most_calls_fail(client: Client, service: SentenceService) -> None:
    service.faults.extend([Fault(grpc.StatusCode.UNAVAILABLE)] * 120)

    def ask(_: int) -> None:
        with suppress(Unavailable):
            client.compress("Paris", TEXTS)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(ask, range(30)))

    # Without throttling it would be 120: after fifty failures only first attempts are made, but
    # for those that were on their way.
    assert 50 <= len(service.requests) <= 90


async def test_a_deadline_ends_every_call(target: str, service: SentenceService) -> None:
    service.hold()
    seconds = 0.2

    with Client(target, timeout=seconds) as client, pytest.raises(DeadlineExceeded):
        client.compress("Paris", TEXTS)
    async with AsyncClient(target) as asynchronous:
        with pytest.raises(DeadlineExceeded):
            await asynchronous.compress("Paris", TEXTS, timeout=seconds)
        with pytest.raises(DeadlineExceeded):
            async for _ in asynchronous.compress_stream("Paris", TEXTS, timeout=seconds):
                pass


async def test_a_server_that_is_not_there_is_unavailable_within_seconds(dead: str) -> None:
    start = time.monotonic()

    with Client(dead) as client, pytest.raises(Unavailable):
        client.compress("Paris", TEXTS)
    async with AsyncClient(dead) as asynchronous:
        with pytest.raises(Unavailable):
            await asynchronous.info()

    assert time.monotonic() - start < 10


def test_a_message_over_the_limit_is_not_even_sent(target: str, service: SentenceService) -> None:
    small = Connection(max_message_bytes=1000)

    with Client(target, connection=small) as client, pytest.raises(InvalidRequest, match="1000"):
        client.compress("Paris", ["Paris. " * 200])

    assert service.requests == []


def test_an_answer_over_the_limit_is_no_overload() -> None:
    class Verbose(SentenceService):
        def Compress(self, request: object, context: object) -> pb.CompressResponse:  # noqa: N802
            return pb.CompressResponse(text="Paris. " * 2000)

    small = Connection(max_message_bytes=1000)

    with (
        serving(Verbose()) as verbose,
        Client(verbose, connection=small) as client,
        pytest.raises(InvalidRequest, match="larger than max"),
    ):
        client.compress("Paris", TEXTS)


class Forgetful(SentenceService):
    """Loses a document, or the end of a stream."""

    def Compress(  # noqa: N802
        self, request: pb.CompressRequest, context: grpc.ServicerContext
    ) -> pb.CompressResponse:
        response = super().Compress(request, context)
        del response.documents[0]
        return response

    def CompressStream(  # noqa: N802
        self, request: pb.CompressStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.CompressStreamResponse]:
        yield next(super().CompressStream(request, context))


def test_a_lost_document_or_end_is_a_failure_and_not_a_short_answer() -> None:
    with serving(Forgetful()) as target, Client(target) as client:
        with pytest.raises(ServerFailure):
            client.compress("Paris", TEXTS)
        with pytest.raises(ServerFailure):
            list(client.compress_stream("Paris", TEXTS))


def test_outcomes_of_a_newer_server_are_unknown_and_no_failure() -> None:
    class Newer(SentenceService):
        def Compress(  # noqa: N802
            self, request: pb.CompressRequest, context: grpc.ServicerContext
        ) -> pb.CompressResponse:
            response = super().Compress(request, context)
            response.documents[0].outcome = 99  # type: ignore[assignment]
            response.stages[0].outcome = 99  # type: ignore[assignment]
            return response

    with serving(Newer()) as target, Client(target) as client:
        result = client.compress("Paris", TEXTS)

    assert result.documents[0].outcome.value == "unknown"
    assert result.stages[0].outcome.value == "unknown"


def test_errors_are_pickled_with_what_they_say() -> None:
    for error in (InvalidRequest("query", "blank"), Overloaded("full", retry_after=2.0)):
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_every_error_is_exported() -> None:
    assert {kind.__name__ for kind in CondenseryError.__subclasses__()} <= set(condensery.__all__)
