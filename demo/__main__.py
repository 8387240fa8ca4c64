"""Start a server, send it real requests over gRPC, and show what comes back."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from condensery import Answer, Client, Compression, Document, DocumentResult

_REQUESTS = Path(__file__).with_name("requests.jsonl")
_CHAINS = {"default": 0.2, "full": 0.2}
_SHOWN = 12
_START_SECONDS = 120.0


def main() -> None:
    """Run the demonstration; the exit status says whether all went well."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=110)
    lines = _REQUESTS.read_text(encoding="utf-8").splitlines()
    requests = [json.loads(line) for line in lines]
    with _server() as target, Client(target, timeout=60) as client:
        info = client.info()
        console.print(f"Condensery {info.version} on {info.device} at {target}, over gRPC")
        for request in requests:
            documents = [Document(**document) for document in request["documents"]]
            for chain, rate in _CHAINS.items():
                result = client.compress(request["query"], documents, chain=chain, rate=rate)
                _show(console, request["query"], result, with_documents=chain == "default")
        if info.generates:
            _answer(console, client, requests[0])
        else:
            console.print(
                "Generate: set CONDENSERY_LLM_BASE_URL and CONDENSERY_LLM_MODEL to see it."
            )


@contextmanager
def _server() -> Iterator[str]:
    """A server process on a free port; gives its address and ends it afterwards."""
    port, health, metrics = _free_ports(3)
    environment = {
        **os.environ,
        "CONDENSERY_HOST": "127.0.0.1",
        "CONDENSERY_PORT": str(port),
        "CONDENSERY_HEALTH_PORT": str(health),
        "CONDENSERY_METRICS_PORT": str(metrics),
        "CONDENSERY_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "service.cli", "serve"]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own program
    try:
        target = f"127.0.0.1:{port}"
        _wait_until_serving(target)
        yield target
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_serving(target: str) -> None:
    """Watch the health of the server until its models are warm."""
    with grpc.insecure_channel(target) as channel:
        request = health_pb2.HealthCheckRequest(service="condensery.v1.CompressionService")
        watch = health_pb2_grpc.HealthStub(channel).Watch(
            request, timeout=_START_SECONDS, wait_for_ready=True
        )
        for state in watch:
            if state.status == health_pb2.HealthCheckResponse.SERVING:
                watch.cancel()
                return


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _show(console: Console, query: str, result: Compression, *, with_documents: bool) -> None:
    console.print(Rule(f"[bold]{query}[/bold]  ({result.chain})"))
    if with_documents:
        for document in result.documents[:_SHOWN]:
            console.print(_highlighted(document, marks=not console.is_terminal))
        if (rest := len(result.documents) - _SHOWN) > 0:
            console.print(f"… and {rest} documents more")
    console.print(Rule("what goes to the LLM", style="dim"))
    console.print(Text(result.text))
    totals = result.totals
    share = totals.tokens_after / max(1, totals.tokens_before)
    console.print(
        f"[bold]{totals.tokens_before} tokens before, {totals.tokens_after} after "
        f"({share:.0%}), {totals.elapsed * 1000:.0f} ms[/bold]"
    )
    console.print(_stages(result))


def _highlighted(document: DocumentResult, *, marks: bool) -> Text:
    """The original with what is kept in bold, or between marks where there are no colours."""
    original = document.document
    shown = Text(f"[{document.id}] {original.title}\n", style="cyan")
    end = 0
    for span in document.spans:
        shown.append(original.text[end : span.start], style="dim")
        kept = original.text[span.start : span.end]
        shown.append(f"«{kept}»" if marks else kept, style="bold not dim green")
        end = span.end
    shown.append(original.text[end:], style="dim")
    shown.append(f"\n  {document.outcome.value}\n", style="yellow")
    return shown


def _stages(result: Compression) -> Table:
    table = Table("stage", "backend", "outcome", "in", "out", "queued", "tokenize", "compute")
    for stage in result.stages:
        times = (stage.queued, stage.tokenizing, stage.computing)
        table.add_row(
            stage.stage,
            stage.backend,
            f"{stage.outcome.value} {stage.detail}".strip(),
            str(stage.tokens_in),
            str(stage.tokens_out),
            *(f"{seconds * 1000:.0f} ms" for seconds in times),
        )
    return table


def _answer(console: Console, client: Client, request: dict[str, object]) -> None:
    console.print(Rule("Generate"))
    documents = [Document(**document) for document in request["documents"]]  # type: ignore[attr-defined] # JSON
    for event in client.generate(str(request["query"]), documents, rate=0.2):
        if isinstance(event, str):
            console.print(event, end="")
        elif isinstance(event, Answer):
            console.print(f"\n{event.usage}; cited: {[c.document_id for c in event.citations]}")


if __name__ == "__main__":
    main()
