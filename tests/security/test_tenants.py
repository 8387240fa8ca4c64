"""Whose call it is: whoever proved it, and nobody who only says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from service.auth import Tokens
from service.identity import certificate_names
from tests.security.certificates import Authorities, Certified
from tests.security.signing import AUDIENCE, key_set, signer
from tests.security.witness import watched
from tests.service.test_logs import heard

OK, UNAUTHENTICATED, DENIED, UNAVAILABLE = (
    grpc.StatusCode.OK,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAVAILABLE,
)
SPIFFE = "spiffe://cluster.local/ns/rag/sa/search"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("plain\nsearch  s1\nsearch\ts2\nspiffe://x/y:z s3\n")
    return path


async def test_the_work_of_a_call_is_that_of_the_tokens_tenant(tokens: Path) -> None:
    async with watched(auth_tokens_file=tokens) as server, server.channel() as channel:
        codes = [await server.code(channel, token) for token in ("plain", "s1", "s2", "s3")]

    assert codes == [OK] * 4
    assert server.witness.tenants == ["", "search", "search", "spiffe://x/y:z"]


async def test_what_a_caller_says_of_itself_is_not_believed(tokens: Path) -> None:
    said = {"tenant": "search", "x_tenant": "search", "x_tenant_id": "search", "x_user": "search"}

    async with watched(auth_tokens_file=tokens) as server, server.channel() as channel:
        codes = [await server.code(channel, "plain", **said), await server.code(channel, **said)]
    async with watched() as open_server, open_server.channel() as channel:
        open_code = await open_server.code(channel, "s1", **said)

    assert (codes, open_code) == ([OK, UNAUTHENTICATED], OK)
    assert server.witness.tenants + open_server.witness.tenants == ["", ""]


async def test_the_name_of_a_token_is_no_token(tokens: Path) -> None:
    async with watched(auth_tokens_file=tokens) as server, server.channel() as channel:
        codes = [await server.code(channel, text) for text in ("search", "search s1", "search  s1")]

    assert codes == [UNAUTHENTICATED] * 3


async def test_a_log_line_names_the_tenant_and_no_token(tokens: Path) -> None:
    with heard() as lines:
        async with watched(auth_tokens_file=tokens) as server, server.channel() as channel:
            await server.code(channel, "s1")
            await server.code(channel, "wrong-s1")

    assert [line["tenant"] for line in lines if line["message"] == "call"] == ["search", ""]
    assert "s1" not in json.dumps(lines)


async def test_tokens_and_web_tokens_may_be_mixed(tmp_path: Path, tokens: Path) -> None:
    own = signer("ES256", "es")
    jwks = tmp_path / "jwks.json"
    jwks.write_text(key_set(own.public))
    both: dict[str, Any] = {"auth_jwks_file": jwks, "auth_jwt_audience": AUDIENCE}

    async with (
        watched(auth_tokens_file=tokens, **both) as server,
        server.channel() as channel,
    ):
        good = [await server.code(channel, token) for token in ("s1", own.token(sub="acme"))]
        bad = [
            await server.code(channel, token)
            for token in (own.token(aud="other"), own.token(exp=1), "", own.token()[:-4])
        ]

    assert (good, bad) == ([OK] * 2, [UNAUTHENTICATED] * 4)
    assert server.witness.tenants == ["search", "acme"]


async def test_the_work_of_a_call_is_that_of_the_certificates_name(tmp_path: Path) -> None:
    authorities = Authorities.made(tmp_path)
    dns, uri = x509.DNSName("search.example"), x509.UniformResourceIdentifier(SPIFFE)
    clients: list[Any] = [("backend",), ("backend", dns), ("backend", dns, uri), ("two words",)]

    async with watched(**authorities.settings) as server:
        for name, *sans in clients:
            async with server.channel(authorities.credentials(name, *sans)) as channel:
                assert await server.code(channel, tenant="other") is OK

    assert server.witness.tenants == ["backend", "search.example", SPIFFE, ""]


async def test_a_token_says_more_than_a_certificate(tmp_path: Path, tokens: Path) -> None:
    authorities = Authorities.made(tmp_path)

    async with (
        watched(auth_tokens_file=tokens, **authorities.settings) as server,
        server.channel(authorities.credentials("backend")) as channel,
    ):
        codes = [await server.code(channel, token) for token in ("s1", "plain", None)]

    assert codes == [OK, OK, UNAUTHENTICATED]
    assert server.witness.tenants == ["search", "backend"]


async def test_only_the_names_of_the_list_are_let_in(tmp_path: Path) -> None:
    authorities = Authorities.made(tmp_path)
    uri = x509.UniformResourceIdentifier(SPIFFE)
    clients: list[Any] = [("backend",), ("other",), ("other", uri), (f"backend,{SPIFFE}",)]

    async with watched(tls_client_names=f"backend, {SPIFFE}", **authorities.settings) as server:
        codes = []
        for name, *sans in clients:
            async with server.channel(authorities.credentials(name, *sans)) as channel:
                codes.append(await server.code(channel))

    assert codes == [OK, DENIED, OK, DENIED]
    assert server.witness.tenants == ["backend", SPIFFE]


async def test_another_ca_for_clients_counts_from_the_next_connection_on(tmp_path: Path) -> None:
    authorities = Authorities.made(tmp_path)
    renewed = Certified.made("renewed")
    old = authorities.credentials("old")
    new = authorities.credentials("new", signer=renewed)

    async def code(credentials: grpc.ChannelCredentials) -> grpc.StatusCode:
        async with server.channel(credentials) as channel:
            return await server.code(channel)

    async with watched(**authorities.settings) as server:
        before = [await code(old), await code(new)]
        (tmp_path / "clients.pem").write_bytes(authorities.clients.pem + renewed.pem)
        meanwhile = [await code(old), await code(new)]
        (tmp_path / "clients.pem").write_bytes(renewed.pem)
        after = [await code(old), await code(new)]

    assert before == [OK, UNAVAILABLE]
    assert meanwhile == [OK, OK]
    assert after == [UNAVAILABLE, OK]


async def test_who_is_not_let_in_is_not_listened_to(tokens: Path) -> None:
    too_large, sizes = b"x" * 3_000_000, {"max_message_bytes": 1_000_000}

    async def nothing_yet() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with (
        watched(auth_tokens_file=tokens, **sizes) as server,
        server.channel() as channel,
    ):
        path = "/condensery.v1.CompressionService/Compress"
        unary: Any = channel.unary_unary(path)
        streaming: Any = channel.stream_unary(path)
        codes = {}
        for token in ("s1", "no"):
            metadata = (("authorization", f"Bearer {token}"),)
            large = unary(too_large, metadata=metadata, timeout=20)
            codes[token] = await large.code()
        waiting = streaming(nothing_yet(), metadata=(("authorization", "Bearer no"),), timeout=20)
        codes["silent"] = await waiting.code()

    assert codes == {
        "s1": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "no": UNAUTHENTICATED,
        "silent": UNAUTHENTICATED,
    }


@pytest.mark.parametrize(
    ("content", "line"),
    [("a b c", 1), ("ok\n\nü b", 3), (f"{'x' * 129} b", 1), ("a secret\nb secret", 2)],
)
def test_a_file_that_could_be_misread_is_refused_without_quoting_it(
    tmp_path: Path, content: str, line: int
) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)

    with pytest.raises(ValueError, match=f"auth_tokens_file: .* in line {line}") as caught:
        Tokens(path)

    assert "secret" not in str(caught.value)


@given(
    sans=st.lists(st.text(max_size=20) | st.just(SPIFFE), max_size=3),
    common=st.lists(st.text(max_size=20), max_size=1),
)
def test_a_certificates_names_are_those_in_it_and_may_stand_in_a_log(
    sans: list[str], common: list[str]
) -> None:
    auth = {
        "x509_subject_alternative_name": [name.encode("utf-8", "replace") for name in sans],
        "x509_common_name": [name.encode("utf-8", "replace") for name in common],
    }

    names = certificate_names(auth)

    assert set(names) <= {*sans, *common}
    assert all(name.isascii() and name.isprintable() and " " not in name for name in names)
    assert SPIFFE not in sans or names[0].startswith("spiffe://")
