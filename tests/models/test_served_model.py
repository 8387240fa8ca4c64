"""The OpenAI summarizer and a server that others wrote: ``transformers serve``."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from compressors.models.openai_summarizer import OpenAiSummarizer
from compressors.values import Document, Passage, Source
from tests.models import taught
from tests.models.chat_endpoint import endpoint, says
from tests.models.texts import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.slow

SOURCE = Passage.whole(Document("m", taught.MUSEUM))
LONG = "The Louvre is a museum in Paris, the capital of France. It opened in 1793."
SHORT = "The Louvre opened in 1793."
WORDS = Words()
PATIENCE = 180.0


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """``transformers serve`` with this model; gives its base URL."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model)]
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (model / "log").open("w") as log:
        server = subprocess.Popen([*command, *where], env=environment, stdout=log, stderr=log)
    try:
        _wait(server, f"http://127.0.0.1:{port}/health", model / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own
                return
        except OSError:
            time.sleep(0.2)  # another process: there is nothing else to wait on
    pytest.fail(f"the server is not ready: {log.read_text()}")


def messages_of(*answers: str) -> list[Sequence[dict[str, str]]]:
    """What a model that gives these answers is asked, request by request."""
    with endpoint([says(answer) for answer in answers]) as server:
        summarizer = OpenAiSummarizer.load("m", base_url=server.url, api_key="none")
        summarizer.summarize("", [SOURCE], WORDS.budget(8))
    return [asked["messages"] for asked in server.asked]


def test_a_served_model_is_asked_until_its_summary_is_short_enough(tmp_path: Path) -> None:
    """T2, T9: a model that was taught to write too much first, and then less."""
    talks = list(zip(messages_of(LONG, SHORT), (LONG, SHORT), strict=True))
    model = taught.chat_model(tmp_path, talks)

    with serving(model) as url:
        summarizer = OpenAiSummarizer.load(str(model), base_url=url, api_key="none")
        summary = summarizer.summarize("", [SOURCE], WORDS.budget(8))

    assert summary.text == SHORT
    assert summary.sources == (Source("m", 0, len(taught.MUSEUM)),)
    assert summary.tokens_spent > 500
