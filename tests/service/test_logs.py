"""Logs say what happened to which call, and never what was in it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from condensery.v1 import compression_pb2 as pb
from service.logs import JsonFormatter, structured
from tests.service.hand import Hand, documents, end_of, request, served

SECRET = "sesame"  # noqa: S105 - a word that must not turn up


@contextmanager
def heard(level: str = "DEBUG") -> Iterator[list[dict[str, Any]]]:
    """The lines that are logged in the block, there when it is over."""
    stream, lines = io.StringIO(), []
    with structured(level, stream):
        yield lines
    lines += [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_call_leaves_one_line_with_its_id_and_its_end() -> None:
    with heard("INFO") as lines:
        async with served() as hand:
            call = hand.stub.Compress(request(), metadata=(("x-request-id", "mine-1"),))
            await call
            await hand.stub.Compress(request(query="")).code()

    first, second = (line for line in lines if line["message"] == "call")
    assert (first["request_id"], first["method"], first["code"]) == ("mine-1", "Compress", "OK")
    assert first["seconds"] > 0
    assert (second["code"], len(second["request_id"])) == ("INVALID_ARGUMENT", 16)


async def test_an_error_tells_the_client_the_id_under_which_it_is_logged() -> None:
    with heard() as lines:
        async with served() as hand:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await hand.stub.Compress(request(index=pb.IndexQuery(name="broken")))

    error = caught.value
    (failed,) = (line for line in lines if line["message"] == "a call failed")
    (raised,) = failed["exceptions"]
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == f"internal error; request {failed['request_id']}"
    assert dict(error.trailing_metadata() or ())["x-request-id"] == failed["request_id"]
    assert raised["type"] == "builtins.ValueError"
    assert raised["frames"][-1].endswith(" retrieve")


@pytest.mark.parametrize("given", ["two words", "x" * 65, "semi;colon", ""])
async def test_an_id_that_would_spoil_a_log_is_replaced(given: str) -> None:
    with heard() as lines:
        async with served() as hand:
            await hand.stub.Compress(request(), metadata=(("x-request-id", given),))

    (call,) = (line for line in lines if line["message"] == "call")
    assert len(call["request_id"]) == 16


async def every_way_to_end(hand: Hand) -> list[grpc.StatusCode]:
    """Calls whose every text is the secret, and how they ended."""
    stages = [
        pb.StageList(stages=[pb.Stage(name="exit", backend=backend)])
        for backend in ("overlap", "failing", "broken")
    ]
    usual: dict[str, Any] = {
        "query": SECRET,
        "documents": [
            pb.Document(id=f"{SECRET}-1", title=SECRET, text=f"{SECRET}. Is it {SECRET}?")
        ],
    }
    sent = [
        request(**usual),
        *(request(**usual, stages=s, failure_policy=p) for s in stages for p in (1, 2)),
        request(query=SECRET, index=pb.IndexQuery(name="broken")),
        request(**usual, chain=SECRET),
        request(**usual, protected_texts=[f"{SECRET}. Is"], budget=pb.Budget(max_tokens=1)),
        request(query=SECRET, documents=[*documents(SECRET), *documents(SECRET)]),
    ]
    calls = [hand.stub.Compress(each) for each in sent]
    calls += [hand.stub.CompressStream(pb.CompressStreamRequest(request=r)) for r in sent]
    calls += [hand.stub.Generate(pb.GenerateRequest(compress=r)) for r in sent]
    raw = f"\x0a\x06{SECRET}".encode() + b"\xff"
    calls += [hand.channel.unary_unary("/condensery.v1.CompressionService/Compress")(raw)]
    return [await end_of(call) for call in calls]


@pytest.mark.parametrize("chat", ["made", "down", "refusing"])
async def test_no_text_of_a_request_is_ever_logged(
    chat: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with heard() as lines:
        async with served(llm_langchain=f"tests.service.chats:{chat}") as hand:
            codes = await every_way_to_end(hand)

    assert {grpc.StatusCode.OK, grpc.StatusCode.INTERNAL, grpc.StatusCode.NOT_FOUND} <= set(codes)
    assert grpc.StatusCode.UNKNOWN not in codes
    assert len([line for line in lines if line["message"] == "call"]) == len(codes)
    assert SECRET not in json.dumps(lines)
    assert SECRET not in "".join(capfd.readouterr())


def record(name: str, message: str, *args: object, **values: Any) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "/lib/x.py", 7, message, args, None, **values)


def test_other_libraries_are_quoted_without_what_they_put_in() -> None:
    line = json.loads(JsonFormatter().format(record("other", "bad input: %s", SECRET)))

    assert (line["template"], line["at"]) == ("bad input: %s", "/lib/x.py:7")
    assert SECRET not in json.dumps(line)


def test_what_other_libraries_have_put_together_is_not_quoted() -> None:
    line = JsonFormatter().format(record("other", f"bad input: {SECRET}"))

    assert SECRET not in line


def test_an_exception_is_told_by_type_place_and_causes() -> None:
    def fail() -> None:
        try:
            {}[SECRET]
        except KeyError as error:
            raise RuntimeError(SECRET) from error

    try:
        fail()
    except RuntimeError as error:
        given = record("service.x", "broke")
        given.exc_info = (type(error), error, error.__traceback__)

    line = json.loads(JsonFormatter().format(given))

    assert [e["type"] for e in line["exceptions"]] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert SECRET not in json.dumps(line)


def test_logging_is_as_before_afterwards() -> None:
    before = (list(logging.getLogger().handlers), logging.getLogger("service").level)

    with heard():
        pass

    assert (list(logging.getLogger().handlers), logging.getLogger("service").level) == before
