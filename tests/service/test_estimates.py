"""What a request is taken to read, before anything is read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from compressors.chain import AtRate
from compressors.exit import Exit
from compressors.llmlingua2 import Llmlingua2
from compressors.protocols import Compressor
from compressors.segmentation import RuleSegmenter
from compressors.tcra_semantic import TcraSemantic
from compressors.values import Document
from compressors.work import Work
from service.estimates import Load, estimated_tokens, kind_of, load_of, tokens_of
from service.request import BudgetSpec, IndexQuery, Request
from tests.core.words_on_hand import LengthScorer, OverlapScorer
from tests.retrieval.encoders_on_hand import BagEncoder
from tests.service.hand import QUERY, Overlap
from tests.service.hand import pipeline as opened
from tests.service.hand import settings as settings_of

EXIT = Exit(OverlapScorer(), RuleSegmenter(), "overlap")
WORDS = Llmlingua2(LengthScorer(), "length")
WITHOUT = TcraSemantic(BagEncoder(), RuleSegmenter(), "bag")
LOAD = Load(query=10, documents=10, tokens=2_000)


def reads(*stages: Compressor, load: Load = LOAD, **budget: Any) -> int:
    return estimated_tokens(load, BudgetSpec(**budget), stages)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The museum opened in 1793 and shows a large collection of paintings.", 14),
        ("博物馆于一七九三年开放，展出大量文艺复兴时期的绘画。", 26),
        ("Музей открылся в прошлом веке и показывает картины.", 33),
        ("", 1),
    ],
)
def test_tokens_are_about_those_of_the_embedded_vocabulary(text: str, tokens: int) -> None:
    assert tokens_of(text) == pytest.approx(tokens, rel=0.4)


def test_every_document_is_read_with_the_query_by_exit_and_without_by_llmlingua2() -> None:
    assert reads(EXIT) == 2_000 + 10 * 13
    assert reads(WORDS) == 2_000 + 10 * 3


def test_a_long_document_is_read_in_windows_that_overlap() -> None:
    long = Load(query=10, documents=1, tokens=5_000)

    # 499 tokens of each window are the document's, 64 of them for the second time.
    assert reads(EXIT, load=long) == 5_000 + 12 * 13 + 11 * 64


def test_leaving_out_every_word_reads_a_sentence_many_times() -> None:
    assert reads(WITHOUT) > 10 * 2_000
    assert reads(WITHOUT, load=Load(10, 10, 10_000_000)) < 2 * 10_000_000


def test_later_stages_read_what_a_budget_leaves_to_them() -> None:
    assert reads(EXIT, WORDS) == reads(EXIT) + reads(WORDS)
    assert reads(EXIT, WORDS, rate=0.25) == reads(EXIT) + 1_000 + 10 * 3
    assert reads(EXIT, WORDS, max_tokens=500) == reads(EXIT, WORDS, rate=0.25)
    assert reads(EXIT, WORDS, max_tokens=9_999) == reads(EXIT, WORDS)
    assert reads(AtRate(EXIT, 0.1), WORDS) == reads(EXIT) + 200 + 10 * 3


def test_nothing_to_read_is_still_a_request() -> None:
    assert reads(WORDS, load=Load(1, 0, 0.0)) == 1


def test_what_costs_alike_is_one_kind() -> None:
    assert kind_of([EXIT, AtRate(WORDS, 0.5)]) == "exit:overlap llmlingua2:length"


def test_titles_count_and_every_script_as_it_is() -> None:
    documents = (Document("1", "x" * 400, "t" * 40), Document("2", "茶" * 400))

    load = load_of(Request(query="q", documents=documents), found_characters=0)

    assert load.documents == 2
    assert load.tokens == pytest.approx(100 + 10 + 400, abs=3)


def test_what_an_index_finds_is_as_large_as_what_it_found_before() -> None:
    asked = Request(query=QUERY, index=IndexQuery(name="shelf", top_k=2))

    with opened(settings_of(), Overlap()) as pipeline:
        before = pipeline.check(asked).tokens
        pipeline.compress(asked, work=Work())
        after = pipeline.check(asked).tokens

    assert before > 500
    assert after == math.ceil(2 * 46 / 4) + 2 * (tokens_of(QUERY) + 3)
