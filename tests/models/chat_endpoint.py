"""A small HTTP server that speaks the chat-completions protocol, and its faults, as scripted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answers to one request."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None
    """Called before anything is answered."""
    drip: threading.Event | None = None
    """While this is not set, white space goes out instead of an answer."""


def says(text: str | None, *, reason: str = "stop", tokens: int | None = 42) -> Reply:
    """A chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": reason,
    }
    completion: Json = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [choice],
    }
    if tokens is not None:
        completion["usage"] = {"total_tokens": tokens}
    return Reply(json.dumps(completion).encode())


def fails(status: int, message: str, **details: Any) -> Reply:
    headers = details.pop("headers", {})
    return Reply(json.dumps({"error": {"message": message, **details}}).encode(), status, headers)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is, and what it was asked so far, headers under ``headers``."""

    url: str
    asked: list[Json]


@contextmanager
def endpoint(replies: Sequence[Reply]) -> Iterator[Endpoint]:
    """A server that answers with these, one after the other, and with the last ever after."""
    asked: list[Json] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            request = json.loads(self.rfile.read(length))
            with lock:
                reply = replies[min(len(asked), len(replies) - 1)]
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked.append({**request, "path": self.path, "headers": headers})
            reply.before()
            # The client may have gone; that is what some of the tests are about.
            try:
                self._answer(reply)
            except OSError:
                self.close_connection = True

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("content-type", "application/json")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("connection", "close")
            self.end_headers()
            while reply.drip is not None and not reply.drip.wait(0.02):
                self.wfile.write(b"\n")
                self.wfile.flush()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Tests have no use for a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
