"""Requests as lines of JSON, and results as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from condensery import Compression, Document, StageReport

_DECIMALS = 6
_SHOWN = 60


class BadLine(Exception):
    """A line that is not a request: its number, from 1, and what is wrong with it."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"line {number}: {problem}")
        self.number = number
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Line:
    """A request of a file; ``number`` counts from 1."""

    number: int
    id: str
    query: str
    documents: tuple[Document, ...]


def read_lines(file: Iterable[bytes]) -> Iterator[Line | BadLine]:
    """Every line of a file that is not blank. A bad one is given, not raised: others follow."""
    for number, raw in enumerate(file, 1):
        if raw.strip():
            try:
                yield _line(number, raw)
            except BadLine as bad:
                yield bad


def written(id_: str, result: Compression) -> str:
    """A result as one line, without its end."""
    totals = result.totals
    return json.dumps(
        {
            "id": id_,
            "text": result.text,
            "insufficient_evidence": result.insufficient_evidence,
            "documents": [
                {
                    "id": document.id,
                    "outcome": document.outcome.value,
                    "spans": [[span.start, span.end] for span in document.spans],
                    "scores": [round(span.score, _DECIMALS) for span in document.spans],
                    "scoring": document.scoring.value if document.scoring else None,
                }
                for document in result.documents
            ],
            "summaries": [
                {
                    "id": summary.id,
                    "text": summary.text,
                    "sources": [[s.document_id, s.start, s.end] for s in summary.sources],
                }
                for summary in result.summaries
            ],
            "tokens_before": totals.tokens_before,
            "tokens_after": totals.tokens_after,
            "ledger": asdict(totals.ledger),
            "stages": [_stage(report) for report in result.stages],
        },
        ensure_ascii=False,
    )


def _stage(report: StageReport) -> dict[str, str | int | float]:
    return {
        "stage": report.stage,
        "backend": report.backend,
        "outcome": report.outcome.value,
        "detail": report.detail,
        "tokens_in": report.tokens_in,
        "tokens_out": report.tokens_out,
        "queued": round(report.queued, _DECIMALS),
        "tokenizing": round(report.tokenizing, _DECIMALS),
        "computing": round(report.computing, _DECIMALS),
        "elapsed": round(report.elapsed, _DECIMALS),
    }


def _line(number: int, raw: bytes) -> Line:
    try:
        value = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise BadLine(number, f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise BadLine(number, f"not JSON at character {error.pos}: {error.msg}") from error
    except RecursionError as error:
        raise BadLine(number, "nested too deeply") from error
    fields = _Fields(number, "", value)
    documents = fields.list("documents")
    return Line(
        number,
        fields.text("id"),
        fields.text("query"),
        tuple(_document(number, index, value) for index, value in enumerate(documents)),
    )


def _document(number: int, index: int, value: Any) -> Document:  # noqa: ANN401 - any JSON
    fields = _Fields(number, f"documents[{index}]", value)
    return Document(
        fields.text("id"),
        fields.text("text"),
        fields.text("title", default=""),
        protected=fields.ranges("protected"),
    )


class _Fields:
    """An object of a line, whose fields are taken by type. Others are nobody's business."""

    def __init__(self, number: int, path: str, value: Any) -> None:  # noqa: ANN401 - any JSON
        self._number = number
        self._path = f"{path}." if path else ""
        if not isinstance(value, Mapping):
            raise BadLine(number, f"{path or 'the line'} must be an object, is {_shown(value)}")
        self._value = value

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self._value.get(name)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self._wrong(name, "a string", value)
        try:
            value.encode()
        except UnicodeEncodeError as error:
            path, at = self._path + name, error.start
            raise BadLine(self._number, f"{path}: a lone surrogate at character {at}") from error
        return value

    def list(self, name: str) -> list[Any]:
        value = self._value.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list", value)
        return value

    def ranges(self, name: str) -> tuple[tuple[int, int], ...]:
        """Pairs of whole numbers; none if the field is missing."""
        value = self._value.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(_is_range(each) for each in value):
            raise self._wrong(name, "a list of [start, end]", value)
        return tuple((start, end) for start, end in value)

    def _wrong(self, name: str, wanted: str, value: object) -> BadLine:
        path = self._path + name
        if value is None:
            return BadLine(self._number, f"{path} is missing")
        return BadLine(self._number, f"{path} must be {wanted}, is {_shown(value)}")


def _is_range(value: object) -> bool:
    return isinstance(value, list) and [type(each) for each in value] == [int, int]


def _shown(value: object) -> str:
    shown = json.dumps(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
