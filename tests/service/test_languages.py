"""What the embedded model cannot read is marked: on the wire, in reports and in the metrics."""

from __future__ import annotations

import asyncio
import urllib.request
from dataclasses import dataclass

import grpc
import pytest

from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc
from service.server import serving
from tests.service.hand import documents, settings

# Written for this test.
ENGLISH = (
    "The lighthouse of Brannick was built in 1871. It was painted red after the great storm. "
    "Tourists come in summer, and most of them take the small train along the coast."
)
GERMAN = (
    "Der Leuchtturm von Brannick wurde 1871 gebaut. Nach dem Sturm wurde er rot gestrichen. "
    "Im Sommer kommen Gäste, und die meisten nehmen die kleine Bahn entlang der Küste."
)
CHINESE = (
    "布兰尼克灯塔建于一八七一年。大风暴过后它被漆成红色。夏天有游客来，大多数人乘坐沿海的小火车。"
)
WHEN, WANN, SHIJIAN = (
    "When was it painted red?",
    "Wann wurde er rot gestrichen?",
    "什么时候被漆成红色？",
)
WORDS = pb.StageList(stages=[pb.Stage(name="llmlingua2")])
HALF = pb.Budget(rate=0.5)
ASKED = {
    "en": pb.CompressRequest(query=WHEN, documents=documents(ENGLISH), budget=HALF),
    "de": pb.CompressRequest(query=WANN, documents=documents(GERMAN), budget=HALF),
    "zh": pb.CompressRequest(query=SHIJIAN, documents=documents(CHINESE), budget=HALF),
    "en on both": pb.CompressRequest(query=WHEN, documents=documents(CHINESE, ENGLISH)),
    "zh on both": pb.CompressRequest(query=SHIJIAN, documents=documents(CHINESE, ENGLISH)),
    "words": pb.CompressRequest(query=WHEN, documents=documents(CHINESE, ENGLISH), stages=WORDS),
    "fewer words": pb.CompressRequest(
        query=WHEN, documents=documents(GERMAN, ENGLISH), stages=WORDS, budget=HALF
    ),
}


@dataclass(frozen=True)
class Told:
    """What a server answered, by the names of the requests, and its metrics after that."""

    answers: dict[str, pb.CompressResponse]
    metrics: str

    def scorings(self, name: str) -> list[pb.Scoring]:
        return [document.scoring for document in self.answers[name].documents]


@pytest.fixture(scope="module")
def told() -> Told:
    return asyncio.run(_told())


async def _told() -> Told:
    async with serving(settings(device="cpu", metrics_port=0)) as server:
        async with grpc.aio.insecure_channel(server.target) as channel:
            stub = pb_grpc.CompressionServiceStub(channel)  # type: ignore[no-untyped-call]
            answers = {name: await stub.Compress(each, timeout=60) for name, each in ASKED.items()}
        return Told(answers, await asyncio.to_thread(_metrics, server.ports.metrics))


def _metrics(port: int | None) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        found: bytes = page.read()
    return found.decode()


@pytest.mark.parametrize(
    ("name", "scorings"),
    [
        ("en", [pb.SCORING_MODEL]),
        ("de", [pb.SCORING_LEXICAL]),
        ("zh", [pb.SCORING_LEXICAL]),
        ("en on both", [pb.SCORING_LEXICAL, pb.SCORING_MODEL]),
        ("zh on both", [pb.SCORING_LEXICAL, pb.SCORING_LEXICAL]),
        ("words", [pb.SCORING_LEXICAL, pb.SCORING_MODEL]),
        ("fewer words", [pb.SCORING_LEXICAL, pb.SCORING_MODEL]),
    ],
)
def test_every_document_says_how_it_was_scored(
    told: Told, name: str, scorings: list[pb.Scoring]
) -> None:
    assert told.scorings(name) == scorings


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("en", ""),
        ("de", "1 of 1 documents not read by the model, scored by their words"),
        ("en on both", "1 of 2 documents not read by the model, scored by their words"),
        ("words", "1 of 2 documents not read by the model, scored without the model"),
    ],
)
def test_reports_count_what_was_not_read(told: Told, name: str, detail: str) -> None:
    assert told.answers[name].stages[0].detail == detail


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("en", "It was painted red after the great storm."),
        ("de", "Nach dem Sturm wurde er rot gestrichen."),
        ("zh", "大风暴过后它被漆成红色。"),
    ],
)
def test_the_sentence_that_answers_is_kept_in_any_language(
    told: Told, name: str, sentence: str
) -> None:
    answer = told.answers[name]

    assert sentence in answer.text
    assert answer.totals.tokens_after <= answer.totals.tokens_before / 2


def test_words_that_are_not_read_stay_unless_the_budget_demands_less(told: Told) -> None:
    kept = told.answers["words"].documents[0]
    fewer = told.answers["fewer words"]

    assert (kept.text, kept.outcome) == (CHINESE, pb.OUTCOME_KEPT_WHOLE)
    assert fewer.documents[0].outcome == fewer.documents[1].outcome == pb.OUTCOME_COMPRESSED
    assert fewer.totals.within_budget


def test_documents_that_were_not_read_are_counted(told: Told) -> None:
    unread = sum(told.scorings(name).count(pb.SCORING_LEXICAL) for name in ASKED)

    assert f"condensery_lexical_documents_total {unread}.0" in told.metrics
