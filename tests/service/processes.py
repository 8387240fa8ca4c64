"""The server as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

USUAL = {"PORT": "0", "HEALTH_PORT": "none", "METRICS_PORT": "0", "DRAIN_SECONDS": "30"}


@dataclass
class ServerProcess:
    """A process, and the lines that it has logged so far."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)

    async def log(self, message: str) -> dict[str, Any]:
        """The next line with this message. Raises ``EOFError`` if the process ends before."""
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            line = json.loads(raw)
            self.lines.append(line)
            if line.get("message") == message:
                return line
        raise EOFError(f"{message}: never logged; but {self.lines}")

    async def ended(self) -> int:
        """The exit status. Reads the rest of the log meanwhile, or the process would block."""
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            self.lines.append(json.loads(raw))
        return await self.process.wait()

    def calls(self, code: str) -> int:
        """Logged calls that ended so."""
        return sum(line.get("code") == code for line in self.lines)


@asynccontextmanager
async def running(module: str, *arguments: str, **settings: str) -> AsyncIterator[ServerProcess]:
    """`python -m module arguments` with settings; killed at the end if it still runs."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CONDENSERY_")}
    environ |= {f"CONDENSERY_{k}": v for k, v in (USUAL | settings).items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=environ, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield ServerProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
