"""Compress text files for a query, and show what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from condensery import Client, Compression, Document
from service.highlight import highlighted

# Of what is printed into a file or a pipe.
_WIDTH = 120


def show_texts(
    client: Client, query: str, files: Sequence[Path], options: Mapping[str, Any]
) -> None:
    """Print every file with what is kept of it highlighted, summaries, and what each stage did.

    Raises ``ValueError`` for a file that is no text, and ``CondenseryError``.
    """
    documents = [_document(file) for file in files]
    result = client.compress(query, documents, **options)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for document in result.documents:
        tokens = f"{document.tokens_before:,} → {document.tokens_after:,} tokens"
        _print_title(console, f"{document.id}: {document.outcome.value}, {tokens}")
        marks = console.color_system is None
        text = highlighted(document.document.text, document.spans, marks=marks)
        console.print(text, soft_wrap=not console.is_terminal)
    for summary in result.summaries:
        _print_title(console, f"{summary.id}: summary, {summary.tokens:,} tokens")
        console.print(summary.text, markup=False, soft_wrap=not console.is_terminal)
    if result.insufficient_evidence:
        _print_title(console, "Insufficient evidence: no sentence reaches the threshold.")
    console.print()
    console.print(_stages(result))


def _print_title(console: Console, title: str) -> None:
    console.print()
    console.print(title, style="bold", markup=False, soft_wrap=True)


def _document(file: Path) -> Document:
    try:
        return Document(str(file), file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: not UTF-8 at byte {error.start}") from error


def _stages(result: Compression) -> Table:
    table = Table(
        "stage", "backend", "outcome", title=f"chain {result.chain}", title_justify="left"
    )
    for column in ("tokens in", "tokens out", "queued", "tokenizing", "computing", "elapsed"):
        table.add_column(column, justify="right")
    for report in result.stages:
        times = (report.queued, report.tokenizing, report.computing, report.elapsed)
        table.add_row(
            report.stage,
            report.backend,
            f"{report.outcome.value} ({report.detail})" if report.detail else report.outcome.value,
            f"{report.tokens_in:,}",
            f"{report.tokens_out:,}",
            *(f"{1000 * seconds:,.0f} ms" for seconds in times),
        )
    totals = result.totals
    elapsed = f"{1000 * totals.elapsed:,.0f} ms"
    numbers = (f"{totals.tokens_before:,}", f"{totals.tokens_after:,}")
    table.add_section()
    table.add_row("all", "", totals.tokenizer, *numbers, "", "", "", elapsed)
    return table
