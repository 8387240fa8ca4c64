"""B1 to B6 of spec/llmlingua2.md 2.9: what mode span keeps, better than the package does.

B7 to B10 are in test_llmlingua2_serving.py; P1 to P8, the paper's own numbers, are in
test_llmlingua2_paper.py and, beside the package, in test_llmlingua2_parity.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.llmlingua_peer import encoding
from compressors.budget import Budget
from compressors.chain import Chain
from compressors.llmlingua2 import Llmlingua2
from compressors.models.token_classifier import Checkpoint, TokenClassifier
from compressors.protocols import Encoded
from service.tokenizers import TiktokenCounter
from tests.models import models_made_here
from tests.models.span_mode import (
    BUDGET,
    STRANGE,
    TEXTS,
    Characters,
    by_row,
    compressed,
    context,
    is_subsequence,
    pieces,
    recorded,
    staged,
)

if TYPE_CHECKING:
    from pathlib import Path


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=120), st.integers(1, 12))
def test_b1_what_is_kept_is_of_the_source_in_its_order(
    stage: Llmlingua2, text: str, limit: int
) -> None:
    result = compressed(stage, limit, text, TEXTS[0])

    for passage in result.passages:
        source = passage.document.text
        assert is_subsequence(passage.text, source)
        assert all(source[s.start : s.end] in passage.text for s in passage.spans)


@pytest.mark.parametrize(
    "text", [f" \n{TEXTS[0]}\t\n\n{TEXTS[1]}  ", STRANGE, "北京很大。我喜欢。"]
)
def test_b1_at_rate_one_the_text_is_the_source_to_the_byte(stage: Llmlingua2, text: str) -> None:
    given_ = context(text)
    everything = BUDGET(sum(BUDGET().counter.count([text])))

    assert Chain((stage,)).compress(given_, everything).text == text


def test_b1_unknown_and_endless_words_keep_their_text(stage: Llmlingua2) -> None:
    """L5: the package deletes them, and writes [UNK] for them at rate 1."""
    result = Llmlingua2(stage.scorer, "checkpoint", threshold=0.0).compress(
        context(STRANGE), BUDGET()
    )

    assert result.text == STRANGE


@pytest.mark.parametrize("kind", models_made_here.CLASSIFIERS)
@pytest.mark.parametrize("name", ["a", "xlm-roberta-large", "bert-base-multilingual-cased-x"])
def test_b2_a_model_may_be_called_anything(kind: str, name: str, tmp_path: Path) -> None:
    """L1, L16: the frame is the tokenizer's own, and what begins a word is in the text."""
    folder = models_made_here.classifier(kind, tmp_path / name)
    loaded = Checkpoint.load(str(folder), device="cpu")
    rows: list[Encoded] = []

    TokenClassifier.of(loaded, recorded(rows)).score([pieces(TEXTS[0])])

    frame = (loaded.tokenizer.cls_token_id, loaded.tokenizer.sep_token_id)
    assert [(row.ids[0], row.ids[-1]) for row in rows] == [frame]


@pytest.mark.parametrize(
    "labels", [{0: "drop", 1: "KEEP"}, {0: "preserve", 1: "x"}, {0: "a", 1: "b"}]
)
def test_b2_the_label_that_means_keep_is_in_the_configuration(
    labels: dict[int, str], tmp_path: Path
) -> None:
    folder = models_made_here.classifier("bert", tmp_path, labels=labels)

    loaded = Checkpoint.load(str(folder), device="cpu")

    assert loaded.label == (0 if "preserve" in labels.values() else 1)


@pytest.mark.parametrize("limit", [1, 2, 7, 20, 33, 60])
def test_b3_the_budget_is_met_to_a_word_over_the_whole_request(
    stage: Llmlingua2, limit: int
) -> None:
    counter = TiktokenCounter("small", encoding())
    longest = max(counter.count([word for text in TEXTS for word in text.split()]))

    result = stage.compress(context(*TEXTS), Budget(counter, limit))

    assert max(1, limit - longest) <= counter.count([result.text])[0] <= limit


@pytest.mark.parametrize("text", ["word", "same same same same"])
def test_b3_a_word_stays_where_all_are_worth_the_same(stage: Llmlingua2, text: str) -> None:
    """L7: the package gives back nothing."""
    assert compressed(stage, 1, text).text in text.split()


def test_b3_the_threshold_is_one_for_all_documents(checkpoint: Checkpoint) -> None:
    """L9: a dull document does not keep as much as a dense one."""
    model = staged(checkpoint, by_row(lambda row: 0.9 if len(row) > 12 else 0.1))

    result = compressed(model, 8, "It is so.", TEXTS[0])

    assert [bool(passage.spans) for passage in result.passages] == [False, True]


@pytest.mark.parametrize("limit", range(1, 12))
def test_b4_numbers_dates_and_addresses_stay_or_go_whole(stage: Llmlingua2, limit: int) -> None:
    """L13: the package makes 2024 of 2024-10-05, and 1, of 1,234."""
    text = "on 2024-10-05 some 1,234.5 of 50% at https://a.example/b?c=d in user_id or 12:30 left"
    atoms = {"2024-10-05", "1,234.5", "50%", "https://a.example/b?c=d", "user_id", "12:30"}

    words = compressed(stage, limit, text).text.split()

    assert set(words) <= set(text.split())
    assert {word for word in words if re.search(r"[\d_]", word)} <= atoms


def test_b5_the_white_space_before_a_kept_word_stays_once(stage: Llmlingua2) -> None:
    text = "Title of it\n\n- first of all\n- second   of many\n\n\nThe end of it"

    for limit in range(1, 12):
        result = compressed(stage, limit, text).text
        assert result == result.strip()
        assert set(re.findall(r"\s+", result)) <= set(re.findall(r"\s+", text))


def test_b6_chinese_is_shortened_by_characters_and_gets_no_spaces(stage: Llmlingua2) -> None:
    """L7: to the package a paragraph is one word, or it writes spaces between all characters."""
    text = "北京是中国的首都。我喜欢在早上喝热茶。博物馆星期一关门。" * 3
    characters = Characters().budget(20)

    result = stage.compress(context(text), characters)

    assert 15 <= len(result.text) <= 20
    assert is_subsequence(result.text, text)
