"""The gRPC servers: the public one, and one in plaintext with nothing but health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha._async import ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from condensery.v1 import compression_pb2_grpc as pb_grpc
from service.calls import Around, Wrapping
from service.health import SERVICE, Health
from service.servicer import CompressionServicer
from service.settings import Settings
from service.tls import credentials_of

_MINUTE = 60_000
# Results repeat the text twice and say where every word stood, so they outgrow requests.
_ANSWER_SIZES = 8
_LARGEST = 2**31 - 1
# A last fence. It counts watchers of health too, so it stands far above our own admission.
_MOST_CALLS = 4_096


def public_server(
    settings: Settings,
    servicer: CompressionServicer,
    health: Health,
    arounds: Sequence[Around],
) -> tuple[grpc.aio.Server, int]:
    """Not started yet, with its port. Raises ``ValueError`` or ``OSError``."""
    server = grpc.aio.server(
        interceptors=[Wrapping(SERVICE, arounds)],
        options=_options(settings.max_message_bytes),
        maximum_concurrent_rpcs=_MOST_CALLS,
    )
    add_to_server: Any = pb_grpc.add_CompressionServiceServicer_to_server  # has no annotations
    add_to_server(servicer, server)
    health.add_to(server)
    if _reflects(settings):
        names = (SERVICE, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        add_ServerReflectionServicer_to_server(ReflectionServicer(names), server)
    credentials = credentials_of(settings)
    return server, _bound(server, settings.host, settings.port, credentials)


def _reflects(settings: Settings) -> bool:
    if settings.reflection == "auto":
        # Reflection asks for no token. Certificates are asked for of everybody who connects.
        return settings.auth_tokens_file is None and settings.auth_jwks_file is None
    return settings.reflection == "true"


def health_server(settings: Settings, health: Health, port: int) -> tuple[grpc.aio.Server, int]:
    """For probes, which know neither TLS nor tokens; not started yet, with its port."""
    server = grpc.aio.server(options=_options(settings.max_message_bytes))
    health.add_to(server)
    return server, _bound(server, settings.host, port, None)


def _bound(
    server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials | None
) -> int:
    address = f"{host}:{port}"
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}") from error


def _options(max_message_bytes: int) -> list[tuple[str, Any]]:
    return [
        # Otherwise a second server on the same port would start, and take half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", min(_ANSWER_SIZES * max_message_bytes, _LARGEST)),
        # Clients may ping every 10 s, also while they have nothing to ask; timers are not exact.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 9_000),
        ("grpc.keepalive_time_ms", 2 * _MINUTE),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.ping_timeout_ms", 20_000),
        # Clients have to look for new replicas now and then; gRPC adds a jitter of a tenth.
        ("grpc.max_connection_age_ms", 5 * _MINUTE),
        ("grpc.max_connection_age_grace_ms", 5 * _MINUTE),
    ]
