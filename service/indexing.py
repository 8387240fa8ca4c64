"""Build an index with the encoder that will search it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from compressors.engine import Engine
from retrieval.build import build
from service.models import Loader, encoder_name, placement_of, sized
from service.settings import Settings


def build_index(settings: Settings, source: Path, directory: Path) -> int:
    """Index the documents of a JSONL file, and say how far it is. Gives their number.

    Raises ``CompressionError`` naming the line that is wrong, and ``OSError``.
    """
    placement = placement_of(settings)
    with Engine(sized(settings, placement)) as engine, _progress() as progress:
        task = progress.add_task("", documents=0)
        encoder = next(iter(Loader(settings, placement, engine).encoders().values()))
        index = build(
            source,
            directory,
            encoder,
            encoder_name(settings),
            progress=lambda done: progress.update(task, documents=done),
        )
        return len(index)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[documents]:,} documents"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
