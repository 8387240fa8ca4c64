"""Whatever a client sends, it is never our mistake."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condensery.v1 import compression_pb2 as pb
from service.server import serving
from tests.service.hand import CHAINS, end_of, served
from tests.service.hand import settings as service_settings

PATH = "/condensery.v1.CompressionService"
# A deadline that passes is a hang: nothing that is sent here takes long.
OURS = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
SECONDS = 60.0

# Names that exist, among those that do not, or nothing would get past the first check.
NAMES = st.sampled_from(["", "exit", "llmlingua2", "overlap", "length", "words", *CHAINS, "shelf"])
TEXTS = st.one_of(NAMES, st.text(max_size=30), st.just("The Louvre is in Paris. Cats sleep."))
NUMBERS = st.one_of(st.integers(0, 9), st.integers(-(2**31), 2**31 - 1))
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_INT32: NUMBERS,
    FieldDescriptor.TYPE_ENUM: st.integers(-1, 4),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.one_of(st.floats(0, 1), st.floats()),
}


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor) -> Message:
    """Any message of a type, by its description; at most one field of a oneof is set."""
    message = GetMessageClass(descriptor)()
    if descriptor.full_name.startswith("google.protobuf."):
        return message
    for field in descriptor.fields:
        if draw(st.booleans()):
            _fill(draw, message, field)
    return message


def _fill(draw: st.DrawFn, message: Message, field: FieldDescriptor) -> None:
    values = (
        messages(field.message_type)
        if field.type == FieldDescriptor.TYPE_MESSAGE
        else SCALARS[field.type]
    )
    if field.is_repeated:
        getattr(message, field.name).extend(draw(st.lists(values, max_size=3)))
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        getattr(message, field.name).CopyFrom(draw(values))
    else:
        setattr(message, field.name, draw(values))


METHODS = {
    "Compress": pb.CompressRequest,
    "CompressStream": pb.CompressStreamRequest,
    "Generate": pb.GenerateRequest,
    "GetServerInfo": pb.GetServerInfoRequest,
}


async def codes(sent: list[tuple[str, bytes]]) -> list[grpc.StatusCode]:
    async with served(llm_langchain="tests.service.chats:patient") as hand:
        return await ends_of(hand.channel, sent)


async def ends_of(
    channel: grpc.aio.Channel, sent: list[tuple[str, bytes]]
) -> list[grpc.StatusCode]:
    calls = [channel.unary_stream(f"{PATH}/{m}")(raw, timeout=SECONDS) for m, raw in sent]
    return [await end_of(call) for call in calls]


# What a model reads in a second; test_bad_input has the long ones.
HOSTILE = {
    name: (text * 4_000)[:4_000]
    for name, text in {
        "no space": "x",
        "dots": ".",
        "marks on a letter": "e" + "\u0301" * 50,
        "zeros": "\0",
        "right to left": "\u202e\ufeff\u2066",
        "special tokens": "[CLS] [SEP] [PAD] <s> </s> <|endoftext|> [MASK] ",
        "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f466",
        "private and unassigned": "\ue000\U0010ffff\u0378 ",
        "lines": "a\n",
        "sentences of a letter": "A. ",
        "brackets": "([{",
    }.items()
}


@pytest.mark.slow
def test_hostile_texts_and_any_message_hang_or_break_no_real_model() -> None:
    """The embedded model, with the chains that it serves, and every text as query and document."""
    sent = [
        (
            "Compress",
            pb.CompressRequest(
                query=text[:500],
                documents=[pb.Document(id="1", text=text, title=text[:500])],
                budget=pb.Budget(rate=0.3),
                chain=chain,
            ).SerializeToString(),
        )
        for text in HOSTILE.values()
        for chain in ("", "llmlingua2")
    ]

    async def ends(more: list[tuple[str, bytes]]) -> list[grpc.StatusCode]:
        options = [("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1)]
        async with (
            serving(service_settings(max_queued_tokens=2**30)) as server,
            grpc.aio.insecure_channel(server.target, options=options) as channel,
        ):
            found = [(await ends_of(channel, [each]))[0] for each in more]
            info = await ends_of(channel, [("GetServerInfo", b"")])
            return [*found, *info]

    @settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(messages(pb.CompressRequest.DESCRIPTOR), min_size=20, max_size=20))
    def check(drawn: list[Message]) -> None:
        any_message = [("Compress", each.SerializeToString()) for each in drawn]
        found = asyncio.run(ends([*sent, *any_message]))

        assert not OURS & set(found), found
        assert found[-1] is grpc.StatusCode.OK
        assert grpc.StatusCode.OK in found[: len(sent)]

    check()


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_message_is_answered_or_refused_for_what_it_is(
    method: str, data: st.DataObject
) -> None:
    strategy = st.lists(messages(METHODS[method].DESCRIPTOR), min_size=1, max_size=8)
    sent = [(method, message.SerializeToString()) for message in data.draw(strategy)]

    ends = asyncio.run(codes(sent))

    assert not OURS & set(ends), list(zip(ends, sent, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(METHODS)), st.binary(max_size=64)), min_size=1))
def test_any_bytes_are_answered_or_refused_for_what_they_are(sent: list[tuple[str, bytes]]) -> None:
    ends = asyncio.run(codes(sent))

    assert not OURS & set(ends), list(zip(ends, sent, strict=True))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """The bytes of a message with some of them changed, lost, or there twice."""
    method = draw(st.sampled_from(list(METHODS)))
    raw = bytearray(draw(messages(METHODS[method].DESCRIPTOR)).SerializeToString())
    for _ in range(draw(st.integers(1, 4))):
        start, size = draw(st.integers(0, len(raw))), draw(st.integers(0, 8))
        piece = bytes(raw[start : start + size])
        new = draw(st.sampled_from([b"", piece * 2, b"\xff" * size]) | st.binary(max_size=8))
        raw[start : start + size] = new
    return method, bytes(raw)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(mutated(), min_size=1, max_size=8))
def test_messages_with_broken_bytes_are_answered_or_refused_for_what_they_are(
    sent: list[tuple[str, bytes]],
) -> None:
    ends = asyncio.run(codes(sent))

    assert not OURS & set(ends), list(zip(ends, sent, strict=True))


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["x-request-id", "authorization", "grpc-timeout-x", "te-x", "cookie"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
        min_size=1,
    )
)
def test_any_headers_are_taken_or_left(headers: dict[str, str]) -> None:
    async def call() -> grpc.StatusCode:
        async with served() as hand:
            sent = pb.GetServerInfoRequest()
            return await hand.stub.GetServerInfo(sent, metadata=tuple(headers.items())).code()

    assert asyncio.run(call()) is grpc.StatusCode.OK
