"""Show what a server offers."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from condensery import ServerInfo


def show_info(info: ServerInfo, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(info), indent=2))
        return
    table = Table(show_header=False, box=None)
    for name, value in _rows(info):
        table.add_row(name, value)
    Console(highlight=False, soft_wrap=True).print(table)


def _rows(info: ServerInfo) -> list[tuple[str, str]]:
    return [
        ("version", info.version),
        ("device", info.device),
        *(("chain " + name, " → ".join(stages)) for name, stages in info.chains.items()),
        *(("stage " + name, ", ".join(backends)) for name, backends in info.stages.items()),
        ("tokenizers", ", ".join(info.tokenizers)),
        ("summarizers", ", ".join(info.summarizers)),
        ("indexes", ", ".join(info.indexes) or "none"),
        ("generates", "yes" if info.generates else "no"),
        *((name, f"{value:,}") for name, value in asdict(info.limits).items()),
    ]
