"""The papers' own ways over the wire: a real server, real models made here, a real client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc
from service.server import serving
from service.settings import Settings
from tests.models import models_made_here as made
from tests.models.test_sat import made as sat_made
from tests.service.hand import settings

QUERY = "When did the museum open?"
MUSEUM = (
    "The museum stands at the old harbour. It opened in 1931, in a former sugar warehouse. "
    "Admission is 5 km from here, or 12.50 EUR at the door; it is not free on Mondays."
)
TABLE = "Prices in euros:\n\n| who | price |\n|---|---|\n| adults | 12 |\n| children | 5 |\n"
TEXTS = (MUSEUM, TABLE, "Boats leave every hour. The ferry takes 20 minutes.", "Cats sleep.")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A server with a checkpoint for everything that takes one."""
    root = tmp_path_factory.mktemp("models")
    return settings(
        device="cpu",
        exit_causal_lm=str(made.causal("llama", _empty(root / "exit"))),
        llmlingua2_model=str(made.classifier("bert", _empty(root / "words"))),
        longllmlingua_model=str(made.causal("qwen", _empty(root / "long"))),
        sat_model=sat_made(root / "sat"),
    )


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made_loop = asyncio.new_event_loop()
    yield made_loop
    made_loop.close()


@pytest.fixture(scope="module")
def stub(
    papers: Settings, loop: asyncio.AbstractEventLoop
) -> Iterator[pb_grpc.CompressionServiceStub]:
    opened = _stub(papers)
    yield loop.run_until_complete(anext(opened))
    loop.run_until_complete(opened.aclose())


async def _stub(papers: Settings) -> AsyncIterator[pb_grpc.CompressionServiceStub]:
    async with _served(papers) as channel:
        yield pb_grpc.CompressionServiceStub(channel)


@asynccontextmanager
async def _served(papers: Settings) -> AsyncIterator[grpc.aio.Channel]:
    async with serving(papers) as server, grpc.aio.insecure_channel(server.target) as channel:
        yield channel


def stage(name: str, **options: object) -> pb.Stage:
    return pb.Stage(name=name, **{name.replace("-", "_"): options})  # type: ignore[arg-type]


class Asking:
    """Sends requests about ``TEXTS`` on the loop that the server runs on."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stub: pb_grpc.CompressionServiceStub
    ) -> None:
        self._loop = loop
        self._stub = stub

    def __call__(
        self,
        *stages: pb.Stage,
        texts: tuple[str, ...] = TEXTS,
        protected: tuple[str, ...] = (),
    ) -> pb.CompressResponse:
        documents = [pb.Document(id=str(n), text=text) for n, text in enumerate(texts)]
        request = pb.CompressRequest(
            query=QUERY,
            documents=documents,
            stages=pb.StageList(stages=stages),
            failure_policy=pb.FAILURE_POLICY_ERROR,
            protected_texts=protected,
        )
        return self._loop.run_until_complete(self._call(request))

    async def _call(self, request: pb.CompressRequest) -> pb.CompressResponse:
        answer: pb.CompressResponse = await self._stub.Compress(request, timeout=60)
        return answer


@pytest.fixture
def ask(loop: asyncio.AbstractEventLoop, stub: pb_grpc.CompressionServiceStub) -> Asking:
    return Asking(loop, stub)


def assert_sound(answer: pb.CompressResponse, texts: tuple[str, ...] = TEXTS) -> None:
    """What is kept of each document is slices of it, in order."""
    for result, text in zip(answer.documents, texts, strict=True):
        position = 0
        for span in result.spans:
            assert position <= span.start < span.end <= len(text)
            position = span.end
        pieces = [text[span.start : span.end] for span in result.spans]
        assert "".join("".join(pieces).split()) == "".join(result.text.split())


def test_exit_runs_on_a_causal_language_model(ask: Asking) -> None:
    answer = ask(stage("exit", threshold=0.5))

    assert [report.backend for report in answer.stages] == ["causal-lm"]
    assert_sound(answer)


def test_exit_says_where_it_read_a_window_of_a_document(ask: Asking) -> None:
    long = " ".join(f"Ship {number} came in at noon." for number in range(100))

    answer = ask(stage("exit"), texts=(long,))
    assert "100 sentences read in a window of their document" in answer.stages[0].detail
    assert_sound(answer, (long,))

    with pytest.raises(grpc.aio.AioRpcError, match="documents"):
        ask(stage("exit", overflow=pb.EXIT_OVERFLOW_ERROR), texts=(long,))
    answer = ask(stage("exit", overflow=pb.EXIT_OVERFLOW_HEAD_TAIL), texts=(long,))
    assert "read in the head and the tail" in answer.stages[0].detail


def test_the_embedded_model_reads_documents_of_any_length(ask: Asking) -> None:
    options = pb.ExitOptions(overflow=pb.EXIT_OVERFLOW_ERROR)

    with pytest.raises(grpc.aio.AioRpcError, match=r"stages\[0\].exit.overflow"):
        ask(pb.Stage(name="exit", backend="embedded", exit=options))


def test_a_row_of_a_table_brings_its_header(ask: Asking) -> None:
    answer = ask(pb.Stage(name="exit", rate=0.7), texts=(TABLE,), protected=("children",))

    assert_sound(answer, (TABLE,))
    assert "| who | price |\n|---|---|\n" in answer.text
    assert "| children | 5 |" in answer.text
    assert answer.totals.tokens_after < answer.totals.tokens_before


def test_llmlingua2_in_parity_keeps_what_the_package_keeps(ask: Asking) -> None:
    answer = ask(stage("llmlingua2", parity={"rate": 0.4, "force_reserve_digit": True}))

    assert [report.backend for report in answer.stages] == ["checkpoint+parity"]
    assert 0 < answer.totals.tokens_after < answer.totals.tokens_before
    assert_sound(answer)


def test_parity_refuses_options_of_the_other_mode(ask: Asking) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=r"stages\[0\].llmlingua2.min_words"):
        ask(stage("llmlingua2", parity={}, min_words=3))
    with pytest.raises(grpc.aio.AioRpcError, match=r'"stages\[0\].llmlingua2.parity.token_to_word'):
        ask(stage("llmlingua2", parity={"token_to_word": "max"}))


def test_parity_is_refused_where_no_checkpoint_is_asked_for(ask: Asking) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=r"stages\[0\].llmlingua2.parity"):
        ask(pb.Stage(name="llmlingua2", backend="embedded", llmlingua2={"parity": {}}))  # type: ignore[arg-type]


def test_longllmlingua_is_there_with_its_model(ask: Asking) -> None:
    answer = ask(pb.Stage(name="longllmlingua", rate=0.5))

    assert [report.stage for report in answer.stages] == ["longllmlingua"]
    assert answer.totals.tokens_after <= answer.totals.tokens_before / 2 + 1
    assert_sound(answer)


def test_crag_as_the_paper_has_it_writes_one_summary_a_cluster(ask: Asking) -> None:
    texts = tuple(f"{text} Number {n}." for n in range(3) for text in TEXTS)

    answer = ask(stage("crag", mode=pb.CRAG_MODE_PAPER), texts=texts)

    assert [report.backend for report in answer.stages] == ["embedded+extractive+paper"]
    assert 1 <= len(answer.summaries) <= 4
    assert "4 clusters" in answer.stages[0].detail
    assert_sound(answer, texts)


def test_the_paper_of_crag_knows_no_query(ask: Asking) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=r"stages\[0\].crag.query_weight"):
        ask(stage("crag", mode=pb.CRAG_MODE_PAPER, query_weight=0.5))


@pytest.mark.parametrize(
    ("mode", "backend"),
    [
        (pb.TCRA_SEMANTIC_MODE_EXACT, "embedded"),
        (pb.TCRA_SEMANTIC_MODE_FAST, "embedded+fast"),
    ],
)
def test_tcra_semantic_ranks_words_in_two_ways(
    ask: Asking, mode: pb.TcraSemanticMode, backend: str
) -> None:
    answer = ask(stage("tcra-semantic", mode=mode, min_words=0))

    assert [report.backend for report in answer.stages] == [backend]
    assert "not free" in answer.text or "free" not in answer.text
    assert answer.totals.tokens_after < answer.totals.tokens_before
    assert_sound(answer)


def test_a_mode_that_is_not_known_is_refused_by_its_field(ask: Asking) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match=r"stages\[0\].crag.mode"):
        ask(stage("crag", mode=9))


def test_the_ledger_says_what_was_saved_and_what_it_cost(ask: Asking) -> None:
    answer = ask(pb.Stage(name="exit", rate=0.5))

    ledger, totals = answer.totals.ledger, answer.totals
    assert ledger.saved == totals.tokens_before - totals.tokens_after > 0
    assert (ledger.spent, ledger.net) == (0, ledger.saved)
