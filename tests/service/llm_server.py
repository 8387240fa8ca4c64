"""A real OpenAI-compatible server: `transformers serve` in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.service.tiny_llm import save_tiny_llm

_PATIENCE = 300.0


@dataclass(frozen=True)
class LlmEndpoint:
    """Where it is, and the model that it has."""

    base_url: str
    model: str


@pytest.fixture(scope="session")
def llm_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlmEndpoint]:
    """The tiny model behind `transformers serve`, once for all tests."""
    folder = tmp_path_factory.mktemp("llm")
    model = str(save_tiny_llm(folder / "tiny"))
    with (folder / "log").open("wb") as log, _served(model, log) as url:
        yield LlmEndpoint(f"{url}/v1", model)


@contextmanager
def _served(model: str, log: IO[bytes]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", model]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    process = subprocess.Popen(
        [*command, *options], stdout=log, stderr=log, env={**os.environ, **quiet}
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own
                return
        except OSError:
            time.sleep(0.1)  # it has no other way to say that it is there
    raise RuntimeError("`transformers serve` does not come up; are fastapi and uvicorn installed?")
