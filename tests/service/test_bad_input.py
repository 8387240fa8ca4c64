"""Bad input: a clear error that names the field, before any work is done."""

from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status

from condensery.v1 import compression_pb2 as pb
from tests.service.hand import LOUVRE, Hand, documents, request, served

INVALID = grpc.StatusCode.INVALID_ARGUMENT
MISSING = grpc.StatusCode.NOT_FOUND


def stage(**values: Any) -> dict[str, Any]:
    return {"stages": pb.StageList(stages=[pb.Stage(**values)])}


CASES: dict[str, tuple[dict[str, Any], str, grpc.StatusCode]] = {
    "empty query": ({"query": ""}, "query", INVALID),
    "blank query": ({"query": " \n"}, "query", INVALID),
    "long query": ({"query": "x" * 101}, "query", INVALID),
    "no documents": ({"documents": []}, "documents", INVALID),
    "many documents": ({"documents": documents(*"abcdef")}, "documents", INVALID),
    "documents and index": (
        {"documents": documents("a"), "index": pb.IndexQuery(name="shelf")},
        "documents",
        INVALID,
    ),
    "no id": ({"documents": [pb.Document(text="a")]}, "documents[0].id", INVALID),
    "same id": (
        {"documents": [pb.Document(id=i, text="a") for i in "abca"]},
        "documents[3].id",
        INVALID,
    ),
    "long document": ({"documents": documents("a", "x" * 1001)}, "documents[1].text", INVALID),
    "long title": (
        {"documents": [pb.Document(id="1", text="a", title="x" * 1001)]},
        "documents[0].text",
        INVALID,
    ),
    "much text": ({"documents": documents(*["x" * 900] * 4)}, "documents", INVALID),
    "rate 0": ({"budget": pb.Budget(rate=0.0)}, "budget.rate", INVALID),
    "rate above 1": ({"budget": pb.Budget(rate=1.01)}, "budget.rate", INVALID),
    "negative rate": ({"budget": pb.Budget(rate=-0.5)}, "budget.rate", INVALID),
    "rate NaN": ({"budget": pb.Budget(rate=float("nan"))}, "budget.rate", INVALID),
    "rate inf": ({"budget": pb.Budget(rate=float("inf"))}, "budget.rate", INVALID),
    "no tokens": ({"budget": pb.Budget(max_tokens=0)}, "budget.max_tokens", INVALID),
    "negative tokens": ({"budget": pb.Budget(max_tokens=-3)}, "budget.max_tokens", INVALID),
    "unknown tokenizer": (
        {"budget": pb.Budget(rate=0.5, tokenizer="x")},
        "budget.tokenizer",
        MISSING,
    ),
    "unknown chain": ({"chain": "x"}, "chain", MISSING),
    "huge chain": ({"chain": "x" * 100_000}, "chain", MISSING),
    "no stages": ({"stages": pb.StageList()}, "stages", INVALID),
    "many stages": (
        {"stages": pb.StageList(stages=[pb.Stage(name="exit")] * 4)},
        "stages",
        INVALID,
    ),
    "unknown stage": (stage(name="x"), "stages[0].name", MISSING),
    "stage without a name": (stage(name=""), "stages[0].name", MISSING),
    "unknown backend": (stage(name="exit", backend="x"), "stages[0].backend", MISSING),
    "rate of a stage": (stage(name="exit", rate=1.5), "stages[0].rate", INVALID),
    "rate NaN of a stage": (stage(name="exit", rate=float("nan")), "stages[0].rate", INVALID),
    "options of another stage": (
        stage(name="exit", llmlingua2=pb.Llmlingua2Options(min_words=1)),
        "stages[0].llmlingua2",
        INVALID,
    ),
    "threshold": (
        stage(name="exit", exit=pb.ExitOptions(threshold=1.5)),
        "stages[0].exit.threshold",
        INVALID,
    ),
    "threshold NaN": (
        stage(name="exit", exit=pb.ExitOptions(threshold=float("nan"))),
        "stages[0].exit.threshold",
        INVALID,
    ),
    "negative words": (
        stage(name="llmlingua2", llmlingua2=pb.Llmlingua2Options(min_words=-1)),
        "stages[0].llmlingua2.min_words",
        INVALID,
    ),
    "unknown index": ({"index": pb.IndexQuery(name="x", top_k=1)}, "index.name", MISSING),
    "no results": ({"index": pb.IndexQuery(name="shelf", top_k=0)}, "index.top_k", INVALID),
    "many results": ({"index": pb.IndexQuery(name="shelf", top_k=6)}, "index.top_k", INVALID),
    "empty protected text": ({"protected_texts": ["a", ""]}, "protected_texts[1]", INVALID),
    "many protected texts": ({"protected_texts": ["a"] * 4}, "protected_texts", INVALID),
    "protected text that cannot fit": (
        {"protected_texts": ["Louvre is in Paris"], "budget": pb.Budget(max_tokens=2)},
        "protected_texts",
        INVALID,
    ),
    "unreadable pattern": ({"protected_patterns": ["a", "("]}, "protected_patterns[1]", INVALID),
    "backward span": (
        {
            "documents": [
                pb.Document(id="a", text="xyz", protected_spans=[pb.Range(start=2, end=1)])
            ]
        },
        "documents[0].protected_spans[0]",
        INVALID,
    ),
    "protected pattern that cannot fit": (
        {"protected_patterns": ["Louvre is in Paris"], "budget": pb.Budget(max_tokens=2)},
        "protected_patterns",
        INVALID,
    ),
    "unknown policy": ({"failure_policy": 9}, "failure_policy", INVALID),
    "unknown priority": ({"priority": 9}, "priority", INVALID),
}

LIMITS: dict[str, int] = {
    "max_documents": 5,
    "max_query_chars": 100,
    "max_document_chars": 1000,
    "max_total_chars": 3000,
    "max_stages": 3,
    "max_protected_texts": 3,
}


async def refusal(hand: Hand, sent: pb.CompressRequest) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await hand.stub.Compress(sent, timeout=10)
    return caught.value


def violation(error: grpc.aio.AioRpcError) -> BadRequest.FieldViolation:
    status = rpc_status.from_call(error)
    bad = BadRequest()
    assert status.details[0].Unpack(bad)
    (only,) = bad.field_violations
    return only


@pytest.mark.parametrize("case", CASES)
async def test_names_the_field_that_is_wrong(case: str) -> None:
    values, field, code = CASES[case]

    async with served(**LIMITS) as hand:
        error = await refusal(hand, request(**values))

    assert error.code() is code
    assert violation(error).field == field
    assert violation(error).description
    assert str(error.details()).startswith(f"{field}: ")


async def test_generate_names_fields_from_its_own_request() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"compress": request(query="")}, "compress.query"),
        ({"max_answer_tokens": 0}, "max_answer_tokens"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
    ]

    async with served(llm_langchain="tests.service.chats:made") as hand:
        for values, field in cases:
            sent = pb.GenerateRequest(**({"compress": request()} | values))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await hand.stub.Generate(sent).read()
            assert caught.value.code() is INVALID
            assert violation(caught.value).field == field


async def test_bytes_that_are_no_message_are_the_callers_mistake() -> None:
    bad_utf8 = b"\x0a\x02\xff\xfe"
    methods = {"Compress": b"\xff\xff", "CompressStream": b"\x0a\x04" + bad_utf8}

    async with served() as hand:
        for method, raw in methods.items():
            path = f"/condensery.v1.CompressionService/{method}"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await hand.channel.unary_unary(path)(raw)
            assert caught.value.code() is INVALID


async def test_a_message_over_the_limit_is_refused_by_its_size() -> None:
    async with served(max_message_bytes=10_000) as hand:
        error = await refusal(hand, request(documents=documents("x " * 10_000)))
        answer = await hand.compress()

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in str(error.details())
    assert answer.text


async def test_an_unknown_method_is_not_implemented() -> None:
    async with served() as hand:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await hand.channel.unary_unary("/condensery.v1.CompressionService/Expand")(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "." * 100_000, "\0" * 1000, "\u202e\ufeff" * 500, "é̀" * 10_000],
    ids=["no space", "dots", "zeros", "invisible", "combining"],
)
async def test_odd_texts_are_compressed_like_others(text: str) -> None:
    async with served() as hand:
        answer = await hand.compress(
            documents=documents(text, LOUVRE), budget=pb.Budget(max_tokens=5)
        )

    assert answer.text == "The Louvre is in Paris."
    assert [document.id for document in answer.documents] == ["1", "2"]
