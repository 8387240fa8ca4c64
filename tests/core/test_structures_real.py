"""What must not be cut in documents that nobody made up: web tables, JSON, citations, figures."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from compressors import Chain, Compressor, Context, Document, Exit, Llmlingua2
from compressors.budget import share_of
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from compressors.values import Passage
from tests.core.texts_on_hand import is_part
from tests.core.words_on_hand import LengthScorer, OverlapScorer, budget

DATA = Path(os.environ.get("CONDENSERY_DATA", Path(__file__).parents[3] / "shared/data"))
EXIT = Exit(OverlapScorer(), StructuredSegmenter(RuleSegmenter()), "overlap")
WORDS = Llmlingua2(LengthScorer(), "length", min_words=0)
WAYS: tuple[Compressor, ...] = (EXIT, WORDS, Chain((EXIT, WORDS)))
RATES = (0.05, 0.2, 0.5, 0.9)

TAG = re.compile(r"<(/?)(Table|Tr)>")
CITATION = re.compile(r"\[\d+(?:[,-] ?\d+)*\]|\([A-Z][a-z]+ et al\.,? \d{4}\)")
FIGURE = re.compile(
    r"(?<![\w.,/:-])\d+(?:[.,]\d+)* (?:km|miles|kilometers|million|billion|percent|years|%)(?!\w)"
    r"|(?<!\w)(?:January|March|July|October|December) \d{1,2}, \d{4}(?!\d)"
    r"|(?<!\w)\d{1,2} (?:January|March|July|October|December) \d{4}(?!\d)"
)


def rows(name: str, most: int) -> Iterator[dict[str, Any]]:
    file = DATA / f"{name}.jsonl.gz"
    if not file.exists():
        pytest.skip("the shared data is not here")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in islice(lines, most):
            yield json.loads(line)


def compressed(query: str, texts: Sequence[str]) -> Iterator[tuple[Passage, ...]]:
    """The passages of every way at every rate."""
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    given = Context.of(query, documents)
    tokens = budget().count(given.text)
    for way in WAYS:
        for rate in RATES:
            limited = budget(share_of(tokens, rate))
            kept = way.compress(given, limited)
            assert limited.fits(kept.text)
            yield kept.passages


def is_kept(passage: Passage, start: int, end: int) -> bool | None:
    """Whether a range is, if some of it may be and some not: None."""
    text = passage.document.text
    wanted = sum(not character.isspace() for character in text[start:end])
    kept = sum(
        not character.isspace()
        for span in passage.spans
        for character in text[max(start, span.start) : max(start, min(end, span.end))]
    )
    return None if 0 < kept < wanted else kept > 0


def outer_tables(text: str) -> Iterator[list[tuple[int, int]]]:
    """The opening tag, the rows and the closing tag of tables that are in no other."""
    depth, parts, row = 0, [(0, 0)], 0
    for tag in TAG.finditer(text):
        if tag[2] == "Tr":
            if depth == 1 and not tag[1]:
                row = tag.start()
            elif depth == 1:
                parts.append((row, tag.end()))
            continue
        depth += -1 if tag[1] else 1
        if depth == 1 and not tag[1]:
            parts = [tag.span()]
        elif depth == 0:
            yield [*parts, tag.span()]


def test_rows_of_web_tables_stay_whole_in_their_table() -> None:
    seen = 0
    for row in rows("leval/natural_question", 7):
        text = row["document"][:20_000]
        tables = list(outer_tables(text))
        for (passage,) in compressed(row["queries"][0]["query"], [text]):
            for opening, *members, closing in tables:
                states = [is_kept(passage, a, b) for a, b in members if b - a <= 2_000]
                assert None not in states
                seen += sum(map(bool, states))
                if any(states):
                    assert is_kept(passage, *opening)
                    assert is_kept(passage, *closing)
    assert seen > 100


def test_an_object_of_75_keys_parses_at_every_rate_and_has_what_was_asked_for() -> None:
    for row in rows("lost_in_the_middle/kv_75keys", 5):
        records = dict(row["ordered_kv_records"])
        for indent in (None, 2):
            text = json.dumps(records, indent=indent)
            for number, (passage,) in enumerate(compressed(row["key"], [text])):
                parsed = json.loads(passage.text)
                assert is_part(parsed, records)
                assert parsed
                if number < len(RATES):  # words do not know the query
                    assert parsed[row["key"]] == row["value"]


def test_nested_documents_as_json_parse_at_every_rate() -> None:
    for row in rows("musique/multihop", 3):
        record = {"query": row["query"], "documents": row["documents"]}
        for (passage,) in compressed(row["query"], [json.dumps(record, ensure_ascii=False)]):
            assert is_part(json.loads(passage.text), record)


def test_citations_stay_whole() -> None:
    seen = 0
    for row in rows("covid_qa/articles", 6):
        text = row["text"][:20_000]
        for (passage,) in compressed(row["qas"][0]["query"], [text]):
            states = [is_kept(passage, *found.span()) for found in CITATION.finditer(text)]
            assert None not in states
            seen += sum(map(bool, states))
    assert seen > 50


def test_figures_stay_whole() -> None:
    seen = 0
    for row in rows("musique/multihop", 8):
        texts = [document["text"] for document in row["documents"]]
        for passages in compressed(row["query"], texts):
            for passage in passages:
                for found in FIGURE.finditer(passage.document.text):
                    state = is_kept(passage, *found.span())
                    assert state is not None, found[0]
                    seen += state
    assert seen > 100
