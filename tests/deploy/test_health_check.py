"""The program that `helm test` runs, run against a real gRPC server."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.deploy.rendering import render

SERVICE = "condensery.v1.CompressionService"
STATUS = health_pb2.HealthCheckResponse


@contextmanager
def healthy(status: int) -> Iterator[int]:
    """A server whose service has this status, at the port given."""
    servicer = health.HealthServicer()
    servicer.set(SERVICE, status)
    server = grpc.server(ThreadPoolExecutor(), options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


def check(port: int, seconds: float) -> subprocess.CompletedProcess[str]:
    """What the pod would run, with another target and patience."""
    (container,) = render().only("Pod")["spec"]["containers"]
    python, flag, program = container["command"]
    assert (python, flag) == ("python", "-c")
    assert container["args"][1:] == [SERVICE, "60"]
    arguments = [f"localhost:{port}", SERVICE, str(seconds)]
    return subprocess.run(
        [sys.executable, flag, program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_server_that_serves_passes() -> None:
    with healthy(STATUS.SERVING) as port:
        result = check(port, 30)

    assert (result.returncode, result.stderr) == (0, "")


def test_a_server_that_does_not_serve_fails_and_says_so() -> None:
    with healthy(STATUS.NOT_SERVING) as port:
        result = check(port, 1)

    assert result.returncode == 1
    assert "NOT_SERVING" in result.stderr


def test_no_server_fails() -> None:
    with healthy(STATUS.SERVING) as port:
        pass

    result = check(port, 1)

    assert result.returncode == 1
    assert "UNAVAILABLE" in result.stderr or "DEADLINE_EXCEEDED" in result.stderr
