"""Balancers from Debian: haproxy and nginx, each in front of several servers."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest


def _haproxy(folder: Path, port: int, servers: Sequence[str]) -> list[str]:
    lines = [
        "global",
        "  maxconn 200",
        "defaults",
        "  mode http",
        "  timeout connect 1s",
        "  timeout client 60s",
        "  timeout server 60s",
        "  option redispatch",
        "  retries 2",
        "frontend grpc",
        f"  bind 127.0.0.1:{port} proto h2",
        "  default_backend servers",
        "backend servers",
        "  balance roundrobin",
        *(
            f"  server s{number} {address} proto h2 check inter 200ms"
            for number, address in enumerate(servers)
        ),
    ]
    return ["haproxy", "-db", "-q", "-f", _written(folder / "haproxy.cfg", lines)]


def _nginx(folder: Path, port: int, servers: Sequence[str]) -> list[str]:
    lines = [
        "daemon off;",
        # The balancer of a test is one process, which is easy to end.
        "master_process off;",
        f"pid {folder}/nginx.pid;",
        "error_log stderr crit;",
        "events {}",
        "http {",
        "  access_log off;",
        *(
            f"  {kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
        "  upstream servers {",
        *(f"    server {address} max_fails=1 fail_timeout=5s;" for address in servers),
        "  }",
        "  server {",
        f"    listen 127.0.0.1:{port} http2;",
        "    location / { grpc_pass grpc://servers; grpc_next_upstream error non_idempotent; }",
        # A page of HTML would be the beginning of an answer, after which gRPC does not try again;
        # headers alone are a refusal.
        "    error_page 502 503 504 = @unavailable;",
        "    location @unavailable {",
        "      default_type application/grpc; add_header grpc-status 14 always; return 204;",
        "    }",
        "  }",
        "}",
    ]
    return ["nginx", "-c", _written(folder / "nginx.conf", lines), "-p", str(folder)]


def _written(path: Path, lines: Sequence[str]) -> str:
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(path)


_COMMANDS: dict[str, Callable[[Path, int, Sequence[str]], list[str]]] = {
    "haproxy": _haproxy,
    "nginx": _nginx,
}
NAMES = tuple(_COMMANDS)


@asynccontextmanager
async def balancer(name: str, folder: Path, servers: Sequence[str]) -> AsyncIterator[str]:
    """The address of one that runs, and goes round the servers call by call."""
    if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        pytest.skip(f"{name} is not installed: apt-get install haproxy nginx-light")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program, *arguments = _COMMANDS[name](folder, port, servers)
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    process = await asyncio.create_subprocess_exec(program, *arguments, env=environ)
    try:
        async with asyncio.timeout(60):
            while not await _listens(port):
                assert process.returncode is None, f"{name} ended by itself"
                await asyncio.sleep(0.05)  # nothing tells when it listens
        yield f"127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
