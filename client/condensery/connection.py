"""How to reach a server: its address, who calls, and how patient a connection is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc

_RETRIES = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    # Compression changes nothing on the server, so it may be tried again whatever became of it.
    # A stream is not tried again once its first message is here.
    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
}

SERVICE_CONFIG = {
    # Over all addresses of a headless service; harmless for a single one.
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {"name": [{"service": "condensery.v1.CompressionService"}], "retryPolicy": _RETRIES}
    ],
    # A server that drains says so before it refuses; whoever watches goes elsewhere in time.
    "healthCheckConfig": {"serviceName": "condensery.v1.CompressionService"},
    # Where most calls fail, trying each again only adds to the load. Half of the tokens are for
    # all those that are on their way to a server when it dies, and fail together.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}


# As many times as large as a request may be an answer, as the server has it.
_ANSWER_SIZES = 8
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM data for an encrypted connection; nothing at all trusts the roots of the system."""

    root_certificates: bytes | None = None
    """Whom to trust instead."""
    certificate_chain: bytes | None = None
    """The certificate of the caller, where the server asks for one."""
    private_key: bytes | None = field(default=None, repr=False)
    """Its key."""
    server_name: str | None = None
    """The name in the certificate, where it is not that of the target."""

    def __post_init__(self) -> None:
        if (self.certificate_chain is None) != (self.private_key is None):
            raise ValueError("certificate_chain and private_key: give both or neither")

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            self.root_certificates, self.private_key, self.certificate_chain
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How a connection behaves; the defaults fit the server's."""

    wait_for_ready: bool = False
    """Whether calls wait, up to their deadline, for a server that cannot be reached yet.
    Otherwise they fail within a second, which suits callers that can do without."""
    keepalive: float = 30.0
    """Seconds between pings that find a dead connection; the server allows one in ten seconds."""
    max_message_bytes: int = 16 * 1024 * 1024
    """The largest request. Results may be larger: they hold text, spans and reports."""
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Headers for every call, by lower-case name."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server and who calls it; what opens channels to it."""

    target: str
    token: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    connection: Connection = field(default_factory=Connection)

    def __post_init__(self) -> None:
        if not self.target:
            raise ValueError("target: must not be empty")
        # A newline from a secret file would break the header, with an error that shows the token.
        if self.token is not None and not _is_token(self.token):
            raise ValueError("token: must be printable ASCII without white space, and not empty")

    def channel(self) -> grpc.Channel:
        if self.tls is None:
            return grpc.insecure_channel(self.target, self._options())
        return grpc.secure_channel(self.target, self.tls.credentials(), self._options())

    def async_channel(self) -> grpc.aio.Channel:
        """For the event loop that runs now, and no other."""
        if self.tls is None:
            return grpc.aio.insecure_channel(self.target, self._options())
        return grpc.aio.secure_channel(self.target, self.tls.credentials(), self._options())

    def metadata(self) -> tuple[tuple[str, str], ...]:
        headers = tuple(self.connection.metadata.items())
        return (*headers, ("authorization", f"Bearer {self.token}")) if self.token else headers

    def _options(self) -> list[tuple[str, str | int]]:
        connection = self.connection
        options: list[tuple[str, str | int]] = [
            ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
            # A name server that answers with a policy of its own must not turn off the retries.
            ("grpc.service_config_disable_resolution", 1),
            # Otherwise a new channel waits out the failures of older ones to the same address.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_send_message_length", connection.max_message_bytes),
            (
                "grpc.max_receive_message_length",
                min(_ANSWER_SIZES * connection.max_message_bytes, _LARGEST),
            ),
            ("grpc.keepalive_time_ms", int(connection.keepalive * 1000)),
            ("grpc.keepalive_timeout_ms", 10_000),
            # The timeout above ends nothing before this one, which is a minute by default.
            ("grpc.http2.ping_timeout_ms", 10_000),
            # So that the first call after a quiet night does not go into a dead connection.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]
        if self.tls and self.tls.server_name:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options


def _is_token(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
