"""A real server in a process of its own, and what it tells of itself."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import resource
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_USUAL: Final[Mapping[str, str]] = {"PORT": "0", "HEALTH_PORT": "none", "METRICS_PORT": "0"}
_LAST_LINES: Final = 20
_PATIENCE: Final = 600.0


@dataclass(frozen=True, slots=True)
class Batches:
    """What the device has done; the names are those of the metrics ``condensery_batch_…``."""

    runs: float
    items: float
    tokens: float
    padded_tokens: float
    busy_seconds: float

    def since(self, before: Batches) -> Batches:
        return Batches(*(getattr(self, f.name) - getattr(before, f.name) for f in fields(self)))

    @property
    def padding(self) -> float:
        """The part of what was computed that was padding."""
        return 1 - self.tokens / self.padded_tokens if self.padded_tokens else 0.0

    def fill(self, batch_tokens: int) -> float:
        """How full the batches were, padding included, of what they may hold."""
        return self.padded_tokens / (self.runs * batch_tokens) if self.runs else 0.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that serves."""

    pid: int
    target: str
    metrics_port: int

    async def batches(self) -> Batches:
        """Counts since its start. Raises ``KeyError`` if a metric is not there."""
        text = await asyncio.to_thread(_fetched, self.metrics_port)
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return Batches(*(sums[f"condensery_batch_{f.name}_total"] for f in fields(Batches)))

    def resident_bytes(self) -> int:
        """The memory that it has now, on Linux."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()


@asynccontextmanager
async def serving(**settings: str) -> AsyncIterator[Server]:
    """``condensery serve`` on free ports, with these settings and no other; ends with the block.

    Raises ``EOFError`` with its last lines if it ends before it serves, and ``RuntimeError`` if
    it does not end well.
    """
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CONDENSERY_")}
    environ |= {f"CONDENSERY_{k}": v for k, v in {**_USUAL, **settings}.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "service.cli", "serve", env=environ, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_PATIENCE):
            ports = await _ports(process.stderr)
        # Whoever reads nothing blocks who writes.
        draining = asyncio.create_task(_read_to_the_end(process.stderr))
        yield Server(process.pid, f"127.0.0.1:{ports['grpc']}", ports["metrics"])
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await draining
        if status := await process.wait():
            raise RuntimeError(f"the server ended with status {status}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ports(log: asyncio.StreamReader) -> Mapping[str, int]:
    last: deque[str] = deque(maxlen=_LAST_LINES)
    async for raw in log:
        last.append(raw.decode().rstrip())
        line = json.loads(raw) if raw.startswith(b"{") else {}
        if line.get("message") == "serving":
            return dict(line)
    raise EOFError("the server ended:\n" + "\n".join(last))


async def _read_to_the_end(log: asyncio.StreamReader) -> None:
    while await log.read(65_536):
        pass


def _fetched(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
