"""Bearer tokens and certificates."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from condensery.v1 import compression_pb2 as pb
from service.auth import Tokens
from service.tls import credentials_of
from tests.service.hand import Hand, request, served, settings
from tests.service.test_health import listed

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


async def code(hand: Hand, header: str | None) -> grpc.StatusCode:
    metadata = () if header is None else (("authorization", header),)
    call = hand.stub.Compress(request(), metadata=metadata, timeout=10)
    return await call.code()


async def test_only_those_with_a_token_get_an_answer(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("# for the backend\none\n\n two \n")
    headers = ["Bearer one", "bearer two", None, "Bearer", "Bearer on", "Bearer ", "Basic one",
               "one", "Bearer # for the backend"]  # fmt: skip

    async with served(auth_tokens_file=tokens) as hand:
        codes = [await code(hand, header) for header in headers]

    assert codes == [grpc.StatusCode.OK] * 2 + [UNAUTHENTICATED] * 7


async def test_every_call_of_the_service_needs_a_token_but_health_does_not(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("one")

    async with served(auth_tokens_file=tokens) as hand:
        calls = [
            hand.stub.CompressStream(pb.CompressStreamRequest(request=request())),
            hand.stub.Generate(pb.GenerateRequest(compress=request())),
            hand.stub.GetServerInfo(pb.GetServerInfoRequest()),
        ]
        codes = [await call.code() for call in calls]
        health = await health_pb2_grpc.HealthStub(hand.channel).Check(
            health_pb2.HealthCheckRequest()
        )

    assert codes == [UNAUTHENTICATED] * 3
    assert health.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(("reflection", "described"), [("auto", False), ("true", True)])
async def test_where_tokens_are_asked_for_the_contract_is_told_on_demand_only(
    tmp_path: Path, reflection: str, *, described: bool
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("one")

    async with served(auth_tokens_file=tokens, reflection=reflection) as hand:
        try:
            names = await listed(hand.channel)
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNIMPLEMENTED  # noqa: PT017 - one of two ends
            names = set()

    assert ("condensery.v1.CompressionService" in names) is described


async def test_a_stranger_does_not_learn_what_is_wrong_with_a_request(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("one")

    async with served(auth_tokens_file=tokens) as hand:
        call = hand.channel.unary_unary("/condensery.v1.CompressionService/Compress")(b"\xff\xff")

        assert await call.code() is UNAUTHENTICATED


def test_tokens_change_with_their_file(tmp_path: Path) -> None:
    path, other = tmp_path / "tokens", tmp_path / "other"
    path.write_text("one")
    tokens = Tokens(path)
    before = [tokens.tenant(token) for token in ("one", "new")]

    other.write_text("new")
    os.replace(other, path)  # noqa: PTH105 - as Kubernetes does it

    assert before == ["", None]
    assert [tokens.tenant(token) for token in ("one", "new")] == [None, ""]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("# none\n")])
def test_a_spoiled_file_takes_no_token_away(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    path = tmp_path / "tokens"
    path.write_text("one")
    tokens = Tokens(path)

    spoil(path)

    assert tokens.tenant("one") == ""
    assert tokens.tenant("") is None


@pytest.mark.parametrize("content", [None, "", "# none\n\n"])
def test_a_server_without_any_token_does_not_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ValueError, match="auth_tokens_file"):
        Tokens(path)


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)  # noqa: S607


def certificate(folder: Path, name: str, *, signer: str | None = None) -> None:
    """A key and a certificate for localhost, its own or signed by another."""
    key, cert = str(folder / f"{name}.key"), str(folder / f"{name}.pem")
    signed = () if signer is None else (
        "-CA", str(folder / f"{signer}.pem"), "-CAkey", str(folder / f"{signer}.key"))  # fmt: skip
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
        "-addext", "subjectAltName=DNS:localhost", *signed,
    )  # fmt: skip


@needs_openssl
async def test_speaks_tls_and_nothing_else(tmp_path: Path) -> None:
    certificate(tmp_path, "server")
    trusting = grpc.ssl_channel_credentials((tmp_path / "server.pem").read_bytes())

    async with served(
        trusting, tls_cert_file=tmp_path / "server.pem", tls_key_file=tmp_path / "server.key"
    ) as hand:
        answer = await hand.compress()
        async with grpc.aio.insecure_channel(hand.server.target) as plain:
            call = plain.unary_unary("/condensery.v1.CompressionService/GetServerInfo")
            plain_code = await call(b"", timeout=5).code()

    assert answer.text
    assert plain_code is grpc.StatusCode.UNAVAILABLE


@needs_openssl
async def test_health_stays_in_plaintext_on_its_own_port(tmp_path: Path) -> None:
    certificate(tmp_path, "server")
    trusting = grpc.ssl_channel_credentials((tmp_path / "server.pem").read_bytes())

    async with (
        served(
            trusting,
            tls_cert_file=tmp_path / "server.pem",
            tls_key_file=tmp_path / "server.key",
            health_port=0,
        ) as hand,
        grpc.aio.insecure_channel(f"127.0.0.1:{hand.server.ports.health}") as plain,
    ):
        state = await health_pb2_grpc.HealthStub(plain).Check(health_pb2.HealthCheckRequest())

    assert state.status == health_pb2.HealthCheckResponse.SERVING


@needs_openssl
async def test_asks_clients_for_a_certificate_where_it_knows_whose(tmp_path: Path) -> None:
    for name in ("server", "client", "stranger"):
        certificate(tmp_path, name)
    root = (tmp_path / "server.pem").read_bytes()
    known, stranger = (
        grpc.ssl_channel_credentials(
            root, (tmp_path / f"{name}.key").read_bytes(), (tmp_path / f"{name}.pem").read_bytes()
        )
        for name in ("client", "stranger")
    )

    async with served(
        known,
        tls_cert_file=tmp_path / "server.pem",
        tls_key_file=tmp_path / "server.key",
        tls_client_ca_file=tmp_path / "client.pem",
    ) as hand:
        answer = await hand.compress()
        codes = []
        for credentials in (stranger, grpc.ssl_channel_credentials(root)):
            target = f"localhost:{hand.server.ports.grpc}"
            async with grpc.aio.secure_channel(target, credentials) as channel:
                call = channel.unary_unary("/condensery.v1.CompressionService/GetServerInfo")
                codes.append(await call(b"", timeout=5).code())

    assert answer.text
    assert codes == [grpc.StatusCode.UNAVAILABLE] * 2


@needs_openssl
async def test_a_renewed_certificate_is_used_for_the_next_connection(tmp_path: Path) -> None:
    certificate(tmp_path, "server")
    first = (tmp_path / "server.pem").read_bytes()

    async with served(
        grpc.ssl_channel_credentials(first),
        tls_cert_file=tmp_path / "server.pem",
        tls_key_file=tmp_path / "server.key",
    ) as hand:
        await hand.compress()
        certificate(tmp_path, "server")
        renewed = grpc.ssl_channel_credentials((tmp_path / "server.pem").read_bytes())
        target = f"localhost:{hand.server.ports.grpc}"
        # gRPC keeps one connection to a target, whoever asks, unless it is told otherwise.
        alone = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.secure_channel(target, renewed, options=alone) as channel:
            call = channel.unary_unary("/condensery.v1.CompressionService/GetServerInfo")
            renewed_code = await call(b"", timeout=5).code()

    assert renewed_code is grpc.StatusCode.OK


def test_a_certificate_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    missing = settings(tls_cert_file=tmp_path / "no.pem", tls_key_file=tmp_path / "no.key")

    with pytest.raises(ValueError, match="tls_cert_file"):
        credentials_of(missing)
