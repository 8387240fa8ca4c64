from __future__ import annotations

import gzip
import json
import os
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compressors.segmentation import RuleSegmenter

_DATA = Path(
    os.environ.get(
        "CONDENSERY_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"
    )
)
_GOLD = _DATA / "ud_sentences" / "ud_gold_sentences.jsonl.gz"
_TRICKY = st.text(alphabet=".!?。…\"')] »”\n\tABcd1é日の-*:", max_size=200)


def _sentences(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in RuleSegmenter().spans(text)]


@given(st.one_of(st.text(max_size=200), _TRICKY), st.integers(1, 50))
@example("x" * 120, 50)
@example("\n\n\n", 1)
@example("", 5)
def test_spans_are_contiguous_not_empty_and_cover_the_text(text: str, most: int) -> None:
    spans = RuleSegmenter(max_chars=most).spans(text)

    assert "".join(text[start:end] for start, end in spans) == text
    assert [start for start, _ in spans] == [0, *[end for _, end in spans[:-1]]][: len(spans)]
    assert all(0 < end - start <= most for start, end in spans)


def test_an_empty_text_has_no_sentences() -> None:
    assert RuleSegmenter().spans("") == ()


def test_white_space_belongs_to_the_sentence_before_it() -> None:
    assert RuleSegmenter().spans("One.  Two.\n\nThree") == ((0, 6), (6, 12), (12, 17))


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith met Mr. Jones at 3.15 p.m. near St. James.",
        "It grew by 3.5 per cent, i.e. Germany led.",
        "J. R. R. Tolkien wrote it.",
        "The painter W.H.S. Koerner lived here.",
        "See fig. 3 and no. 12 for more.",
        "He ruled (r. 1229) for long.",
        "Visit www.example.com today.",
        "Am 3. Oktober ist Feiertag.",
        "Er wohnt im 6. Stock des Hauses.",
        "1. Introduction",
        '"Why?" he asked.',
        "Nothing happened . . . and nothing would.",
        "「はい。」と言った。",
    ],
)
def test_does_not_split(text: str) -> None:
    assert _sentences(text) == [text]


@pytest.mark.parametrize(
    "sentences",
    [
        ["He left.", "She stayed."],
        ['"Go!"', "He went."],
        ["He said “no.”", "Then he left."],
        ["It was so.[12]", "Others doubt it."],
        ["They moved to the U.S.", "The children stayed."],
        ["Is it?", "Yes!", "Well..."],
        ["他来了。", "她走了！", "为什么？"],
        ["石油发现。", "“文化大革命”开始。"],
        ["来ている!", "結婚した。"],
        ["هل هذا صحيح؟", "نعم."],
        ["यह सच है।", "हाँ।"],
        ["Заголовок 1905 г.", "Она жила там."],
        ["A heading", "A paragraph without a stop"],
    ],
)
def test_splits(sentences: list[str]) -> None:
    cjk = any("\u3000" < letter < "\u9fff" for letter in sentences[0])
    joiner = "\n\n" if sentences[0] == "A heading" else "" if cjk else " "

    assert _sentences(joiner.join(sentences)) == sentences


def test_a_list_item_or_another_speaker_starts_a_sentence() -> None:
    text = "We need\n- eggs\n- milk\nAnna: yes\nwhat else\nBob Smith: no"

    assert _sentences(text) == [
        "We need",
        "- eggs",
        "- milk",
        "Anna: yes\nwhat else",
        "Bob Smith: no",
    ]


def test_who_writes_without_capitals_is_split_too() -> None:
    assert _sentences("we left early. they stayed. all fine") == [
        "we left early.",
        "they stayed.",
        "all fine",
    ]


def test_a_sentence_over_the_limit_is_split_at_white_space() -> None:
    text = "word " * 1000

    spans = RuleSegmenter(max_chars=2000).spans(text)

    assert len(spans) == 3
    assert all(text[end - 1] == " " for _, end in spans)


@pytest.mark.parametrize(
    "text",
    [
        "." * 100_000,
        "x" * 1_000_000,
        " " * 1_000_000,
        "A. " * 100_000,
        "\n " * 100_000,
        '."' * 100_000,
    ],
    ids=["dots", "no space", "only space", "initials", "lines", "quotes"],
)
def test_takes_linear_time(text: str) -> None:
    started = time.process_time()

    RuleSegmenter().spans(text)

    assert time.process_time() - started < 1.0


@pytest.mark.skipif(not _GOLD.exists(), reason="the shared data is not here")
def test_agrees_with_the_treebanks() -> None:
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in map(json.loads, gzip.decompress(_GOLD.read_bytes()).splitlines()):
        gold = _inner_ends(row["text"], row["sentence_spans"])
        ours = _inner_ends(row["text"], RuleSegmenter().spans(row["text"]))
        counts = found[row["lang"]]
        for index, part in enumerate((gold & ours, gold, ours)):
            counts[index] += len(part)

    f1 = {lang: 2 * both / (gold + ours) for lang, (both, gold, ours) in found.items()}
    floors = {"en": 0.90, "de": 0.97, "fr": 0.97, "es": 0.97, "ru": 0.97, "zh": 0.99, "ja": 0.98}
    assert {lang: round(f1[lang], 3) for lang, floor in floors.items() if f1[lang] < floor} == {}


def _inner_ends(text: str, spans: list[list[int]] | tuple[tuple[int, int], ...]) -> set[int]:
    """Where all but the last sentence end, counting the white space behind them as theirs."""
    ends = set()
    for _, end in spans[:-1]:
        at = end
        while at < len(text) and text[at].isspace():
            at += 1
        ends.add(at)
    return ends
