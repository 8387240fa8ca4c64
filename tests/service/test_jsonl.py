from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from condensery import (
    Compression,
    Document,
    InvalidRequest,
    Ledger,
    Scoring,
    Source,
    Span,
    StageOutcome,
    StageReport,
    Summary,
    Totals,
    Unavailable,
)
from condensery import DocumentResult as Result
from condensery import Outcome as DocumentOutcome
from service.bulk import Outcome, compressed, opened
from service.highlight import highlighted
from service.jsonl import BadLine, Line, read_lines, written

GOOD = {"id": "1", "query": "q", "documents": [{"id": "a", "title": "t", "text": "x"}]}


def test_reads_what_it_needs_and_leaves_the_rest() -> None:
    raw = json.dumps({**GOOD, "answers": ["x"], "meta": {}}).encode()

    assert list(read_lines([raw])) == [Line(1, "1", "q", (Document("a", "x", "t"),))]


def test_reads_what_must_stay() -> None:
    document = {"id": "a", "text": "xyz", "protected": [[0, 1], [2, 3]]}
    raw = json.dumps({**GOOD, "documents": [document]}).encode()

    (line,) = read_lines([raw])

    assert isinstance(line, Line)
    assert line.documents == (Document("a", "xyz", protected=((0, 1), (2, 3))),)


def test_blank_lines_are_nothing_and_still_count() -> None:
    raw = json.dumps(GOOD).encode()

    lines = list(read_lines([b"\n", raw, b" \r\n", raw]))

    assert [line.number for line in lines] == [2, 4]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    (line,) = read_lines(["\ufeff".encode() + json.dumps(GOOD).encode()])

    assert isinstance(line, Line)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"x", "not JSON at character 0"),
        (b'{"id": ', "not JSON"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (b"[1]", "must be an object"),
        (b"{}", "documents is missing"),
        (b'{"id": "1", "query": "q", "documents": {}}', "documents must be a list, is {}"),
        (b'{"query": "q", "documents": []}', "id is missing"),
        (b'{"id": 1, "query": "q", "documents": []}', "id must be a string, is 1"),
        (b'{"id": "1", "query": null, "documents": []}', "query is missing"),
        (b'{"id": "1", "query": "\\ud800", "documents": []}', "query: a lone surrogate"),
        (b'{"id": "1", "query": "q", "documents": ["x"]}', "documents[0] must be an object"),
        (b'{"id": "1", "query": "q", "documents": [{"id": "a"}]}', "documents[0].text is missing"),
        (
            b'{"id": "1", "query": "q", "documents": [{"id": "a", "text": "x", "title": 7}]}',
            "documents[0].title must be a string, is 7",
        ),
        (
            b'{"id": "1", "query": "q", "documents": [{"id": "a", "text": "x", "protected": [1]}]}',
            "documents[0].protected must be a list of [start, end], is [1]",
        ),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_given_with_its_number_and_does_not_stop_the_rest(
    raw: bytes, problem: str
) -> None:
    good = json.dumps(GOOD).encode()

    first, bad, last = read_lines([good, raw, good])

    assert isinstance(bad, BadLine)
    assert bad.number == 2
    assert problem in bad.problem
    assert isinstance(first, Line)
    assert isinstance(last, Line)


RESULT = Compression(
    text="Ü x",
    documents=(
        Result(
            "a",
            DocumentOutcome.COMPRESSED,
            (Span(0, 1, 0.25),),
            "Ü",
            3,
            1,
            Document("a", "Ü y"),
            Scoring.LEXICAL,
        ),
    ),
    summaries=(Summary("s", "x", (Source("a", 2, 3),), 1),),
    stages=(StageReport("exit", "b", StageOutcome.RAN, "why", 3, 1, 0.1, 0.2, 0.3, 0.6, ()),),
    totals=Totals(3, 2, "words", None, True, 0, 0.6, Ledger(1, 0, 0, 1)),  # noqa: FBT003
    chain="exit",
)


def test_writes_the_line_of_the_issue() -> None:
    line = written("7", RESULT)

    assert "\n" not in line
    assert "Ü" in line
    assert json.loads(line) == {
        "id": "7",
        "text": "Ü x",
        "insufficient_evidence": False,
        "documents": [
            {
                "id": "a",
                "outcome": "compressed",
                "spans": [[0, 1]],
                "scores": [0.25],
                "scoring": "lexical",
            }
        ],
        "summaries": [{"id": "s", "text": "x", "sources": [["a", 2, 3]]}],
        "tokens_before": 3,
        "tokens_after": 2,
        "ledger": {"saved": 1, "spent": 0, "reused": 0, "net": 1},
        "stages": [
            {
                "stage": "exit",
                "backend": "b",
                "outcome": "ran",
                "detail": "why",
                "tokens_in": 3,
                "tokens_out": 1,
                "queued": 0.1,
                "tokenizing": 0.2,
                "computing": 0.3,
                "elapsed": 0.6,
            }
        ],
    }


def lines(count: int) -> list[Line | BadLine]:
    return [Line(number, str(number), "q", ()) for number in range(1, count + 1)]


def numbers(outcomes: Sequence[Outcome]) -> list[int]:
    return [o.number if isinstance(o, BadLine) else o[0].number for o in outcomes]


def test_results_come_in_order_though_several_lines_are_worked_on_at_a_time() -> None:
    together = threading.Barrier(3, timeout=10)

    def compress(_: Line) -> Compression:
        # Passes only if three lines are here at a time.
        together.wait()
        return RESULT

    outcomes = list(compressed(lines(9), compress, at_once=3))

    assert numbers(outcomes) == list(range(1, 10))


def test_no_more_lines_are_read_than_are_needed() -> None:
    given: list[int] = []

    def reading() -> object:
        for line in lines(100):
            given.append(line.number)
            yield line

    outcomes = compressed(reading(), lambda _: RESULT, at_once=2)  # type: ignore[arg-type] # a generator
    next(outcomes)

    assert len(given) <= 4
    outcomes.close()


def test_a_line_that_is_refused_is_a_bad_line() -> None:
    def compress(line: Line) -> Compression:
        if line.number == 2:
            raise InvalidRequest("query", "must not be blank")
        return RESULT

    outcomes = list(compressed([*lines(3), BadLine(4, "x")], compress, at_once=2))

    assert numbers(outcomes) == [1, 2, 3, 4]
    assert [str(o) for o in outcomes if isinstance(o, BadLine)] == [
        "line 2: query: must not be blank",
        "line 4: x",
    ]


def test_a_server_that_is_away_ends_it() -> None:
    def compress(_: Line) -> Compression:
        raise Unavailable("nobody there")

    with pytest.raises(Unavailable):
        list(compressed(lines(3), compress, at_once=2))


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_read_whether_packed_or_not_and_its_bytes_counted(
    tmp_path: Path, *, packed: bool
) -> None:
    content = b"one\ntwo\n" * 1000
    file = tmp_path / "file"
    file.write_bytes(gzip.compress(content) if packed else content)
    read: list[int] = []

    with opened(file, read.append) as raw:
        assert b"".join(raw) == content

    assert sum(read) == file.stat().st_size


def test_a_gzip_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file.gz"
    file.write_bytes(gzip.compress(b"one\n" * 1000)[:-10])

    with opened(file, lambda _: None) as raw, pytest.raises((OSError, EOFError)):
        list(raw)


def test_kept_text_is_highlighted_in_the_whole_text() -> None:
    spans = [Span(0, 2), Span(3, 5)]

    shown = highlighted("ab cd [red]e", spans)
    marked = highlighted("ab cd [red]e", spans, marks=True)

    assert shown.plain == "ab cd [red]e"
    assert [(s.start, s.end) for s in shown.spans if "bold" in str(s.style)] == [(0, 2), (3, 5)]
    assert marked.plain == "⟦ab⟧ ⟦cd⟧ [red]e"
