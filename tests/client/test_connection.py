"""Who calls whom, over what."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import grpc
import pytest

from condensery import AsyncClient, Client, Connection, Tls, Unavailable
from tests.client.servicer import SentenceService, serving

OPENSSL = shutil.which("openssl")
TEXTS = ["Paris. Rome."]


def certificate(folder: Path, name: str) -> tuple[bytes, bytes]:
    """A key and a certificate that signs itself."""
    if OPENSSL is None:
        pytest.skip("needs openssl")
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([OPENSSL, *options.split(), *names, *files], check=True, capture_output=True)
    return key.read_bytes(), cert.read_bytes()


async def test_the_token_and_the_headers_go_along_with_every_call(
    target: str, service: SentenceService
) -> None:
    connection = Connection(metadata={"x-tenant": "seven"})

    with Client(target, token="s3cret", connection=connection) as client:  # noqa: S106
        client.compress("Paris", TEXTS)
        list(client.compress_stream("Paris", TEXTS))
    async with AsyncClient(target, token="s3cret", connection=connection) as asynchronous:  # noqa: S106
        await asynchronous.compress("Paris", TEXTS)

    assert [each["authorization"] for each in service.metadata] == ["Bearer s3cret"] * 3
    assert [each["x-tenant"] for each in service.metadata] == ["seven"] * 3


@pytest.mark.parametrize("token", ["", "s3cret\n", "two words", "schlüssel"])
def test_a_token_that_breaks_the_header_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValueError, match=r"^token: must be printable ASCII") as raised:
        Client(token=token)

    assert not token.strip() or token.strip() not in str(raised.value)


def test_secrets_are_not_in_the_representation() -> None:
    tls = Tls(certificate_chain=b"public", private_key=b"s3cret")

    assert "s3cret" not in repr(tls)


async def test_speaks_tls_with_those_whom_it_trusts(
    service: SentenceService, tmp_path: Path
) -> None:
    key, cert = certificate(tmp_path, "server.test")
    credentials = grpc.ssl_server_credentials([(key, cert)])

    with serving(service, credentials=credentials) as target:
        trusted = Tls(cert, server_name="server.test")
        with Client(target, tls=trusted) as client:
            assert client.compress("Paris", TEXTS).text == "Paris."
        async with AsyncClient(target, tls=trusted) as asynchronous:
            assert (await asynchronous.compress("Paris", TEXTS)).text == "Paris."
        with (
            Client(target, tls=Tls(server_name="server.test")) as stranger,
            pytest.raises(Unavailable),
        ):
            stranger.compress("Paris", TEXTS)


def test_shows_its_certificate_where_one_is_wanted(
    service: SentenceService, tmp_path: Path
) -> None:
    key, cert = certificate(tmp_path, "server.test")
    client_key, client_cert = certificate(tmp_path, "client.test")
    credentials = grpc.ssl_server_credentials(
        [(key, cert)], root_certificates=client_cert, require_client_auth=True
    )

    with serving(service, credentials=credentials) as target:
        known = Tls(cert, client_cert, client_key, server_name="server.test")
        with Client(target, tls=known) as client:
            assert client.compress("Paris", TEXTS).text == "Paris."
        with (
            Client(target, tls=Tls(cert, server_name="server.test")) as stranger,
            pytest.raises(Unavailable),
        ):
            stranger.compress("Paris", TEXTS)


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="both or neither"):
        Tls(certificate_chain=b"alone")
