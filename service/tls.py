"""Certificates from files that may change while the server runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import grpc

from service.settings import Settings

_LOG = logging.getLogger(__name__)


def credentials_of(settings: Settings) -> grpc.ServerCredentials | None:
    """What the settings ask for; ``None`` is plaintext. Raises ``ValueError`` naming the setting.

    With a client CA, clients without a certificate of it are not let in. Files that change are
    read again with the next connection, so that certificates can be renewed.
    """
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    source = _Source(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
    first = source.read()
    return grpc.dynamic_ssl_server_credentials(
        _configuration(first),
        _Refresh(source, first),  # type: ignore[arg-type] # None means: no change
        require_client_authentication=source.client_ca is not None,
    )


@dataclass(frozen=True, slots=True)
class _Pem:
    certificate: bytes
    key: bytes
    client_ca: bytes | None


@dataclass(frozen=True, slots=True)
class _Source:
    certificate: Path
    key: Path
    client_ca: Path | None

    def read(self) -> _Pem:
        return _Pem(
            certificate=_read("tls_cert_file", self.certificate),
            key=_read("tls_key_file", self.key),
            client_ca=_read("tls_client_ca_file", self.client_ca) if self.client_ca else None,
        )


class _Refresh:
    """Gives a new configuration when the files have changed, else nothing."""

    def __init__(self, source: _Source, current: _Pem) -> None:
        self._source = source
        self._current = current

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            pem = self._source.read()
        except ValueError:
            _LOG.warning("the certificates cannot be read again; the earlier ones stay")
            return None
        if pem == self._current:
            return None
        self._current = pem
        _LOG.info("certificates read again")
        return _configuration(pem)


def _configuration(pem: _Pem) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(pem.key, pem.certificate)], root_certificates=pem.client_ca
    )


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{setting}: cannot read {path}") from error
