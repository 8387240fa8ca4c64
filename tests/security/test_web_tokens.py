"""JSON Web Tokens: which are believed, and whatever else is sent in their place."""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from service.jwt import WebTokens, keys_of
from service.refusals import Unauthenticated
from tests.security.signing import AUDIENCE, ISSUER, Signer, key_set, settings, signer

ALGORITHMS = ("RS256", "ES256", "EdDSA")


def written(folder: Path) -> Path:
    path = folder / "jwks.json"
    path.write_text(key_set(*(signer(each, each.lower()).public for each in ALGORITHMS)))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> WebTokens:
    return WebTokens.load(settings(auth_jwks_file=written(tmp_path_factory.mktemp("keys"))))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_names_its_tenant(tokens: WebTokens, algorithm: str) -> None:
    assert tokens.tenant(signer(algorithm, algorithm.lower()).token()) == "search"


def test_another_claim_may_name_the_tenant(path: Path) -> None:
    tokens = WebTokens.load(settings(auth_jwks_file=path, auth_jwt_tenant_claim="org"))

    assert tokens.tenant(signer("ES256", "es256").token(org="acme")) == "acme"
    assert tokens.tenant(signer("ES256", "es256").token()) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"aud": None},
        {"aud": "another service"},
        {"iss": None},
        {"iss": "https://other.example"},
        {"sub": None},
        {"sub": ""},
        {"sub": "two words"},
        {"sub": "x" * 129},
        {"sub": "line\nbreak"},
        {"nbf": time.time() + 3600},
        {"iat": time.time() + 3600},
        {"exp": "soon"},
        {"exp": 1e400},
    ],
    ids=str,
)
def test_a_token_without_what_it_needs_is_none(tokens: WebTokens, claims: dict[str, Any]) -> None:
    assert tokens.tenant(signer("ES256", "es256").token(**claims)) is None


def test_where_no_issuer_is_set_whoever_has_the_keys_is_believed(path: Path) -> None:
    tokens = WebTokens.load(settings(auth_jwks_file=path, auth_jwt_issuer=None))

    assert tokens.tenant(signer("ES256", "es256").token(iss=None)) == "search"


def test_a_token_that_is_over_is_told_so_and_a_forged_one_is_not(tokens: WebTokens) -> None:
    over: dict[str, Any] = {"exp": time.time() - 60}
    forged = Signer("es256", "ES256", ec.generate_private_key(ec.SECP256R1())).token(**over)

    with pytest.raises(Unauthenticated, match="is over"):
        tokens.tenant(signer("ES256", "es256").token(**over))
    assert tokens.tenant(forged) is None


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(algorithm: str, kid: str = "rs256") -> str:
    claims = {"sub": "search", "aud": AUDIENCE, "exp": time.time() + 60}
    return f"{encoded({'alg': algorithm, 'kid': kid})}.{encoded(claims)}."


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "RS256", "HS256", ""])
def test_a_token_that_nobody_signed_is_none(tokens: WebTokens, algorithm: str) -> None:
    assert tokens.tenant(unsigned(algorithm)) is None


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["PEM", "JWK"])
def test_the_public_key_is_no_shared_secret(path: Path, algorithm: str, form: str) -> None:
    own = signer("RS256", "rs256")
    pem = own.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    secret = pem if form == "PEM" else json.dumps(own.public).encode()
    body = unsigned(algorithm).removesuffix(".")
    # PyJWT would not sign with a public key, and whoever attacks would not ask it to.
    signature = hmac.digest(secret, body.encode(), f"sha{algorithm[2:]}")

    tokens = WebTokens.load(settings(auth_jwks_file=path, auth_jwt_issuer=None))

    assert tokens.tenant(f"{body}.{encoded(signature)}") is None


def test_other_algorithms_of_the_same_key_are_refused(tokens: WebTokens) -> None:
    own = signer("RS256", "rs256")
    for algorithm in ("RS384", "RS512", "PS256"):
        assert tokens.tenant(Signer("rs256", algorithm, own.key).token()) is None


def test_a_key_is_found_by_its_kid_and_no_other_is_tried(tokens: WebTokens) -> None:
    own = signer("ES256", "es256")

    assert tokens.tenant(Signer("gone", "ES256", own.key).token()) is None
    assert tokens.tenant(Signer("rs256", "ES256", own.key).token()) is None
    assert tokens.tenant(Signer(None, "ES256", own.key).token()) == "search"


def test_without_a_kid_one_key_only_must_come_into_question(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(key_set(signer("ES256", "a").public, signer("ES256", "b").public))
    tokens = WebTokens.load(settings(auth_jwks_file=path))

    assert tokens.tenant(signer("ES256", "a").token()) == "search"
    assert tokens.tenant(Signer(None, "ES256", signer("ES256", "a").key).token()) is None


def test_what_a_token_brings_to_check_itself_with_is_ignored(tokens: WebTokens) -> None:
    stranger = Signer("es256", "ES256", ec.generate_private_key(ec.SECP256R1()))
    header = {"jwk": stranger.public, "jku": "https://evil.example", "x5u": "https://evil.example"}

    assert tokens.tenant(stranger.token(header=header)) is None


@pytest.mark.parametrize("extension", [{"crit": ["x"], "x": 1}, {"crit": ["b64"], "b64": True}])
def test_a_token_with_critical_extensions_is_refused(
    tokens: WebTokens, extension: dict[str, Any]
) -> None:
    # By hand, for PyJWT would not make them; some versions of it would believe them.
    claims = {"sub": "search", "aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 60}
    bodies = [
        f"{encoded({'alg': 'ES256', 'kid': 'es256', **header})}.{encoded(claims)}"
        for header in ({}, extension)
    ]
    algorithm, key = ECAlgorithm(ECAlgorithm.SHA256), signer("ES256", "es256").key
    signatures = [encoded(algorithm.sign(body.encode(), key)) for body in bodies]

    plain, critical = (f"{body}.{one}" for body, one in zip(bodies, signatures, strict=True))

    assert tokens.tenant(plain) == "search"
    assert tokens.tenant(critical) is None


def test_keys_change_with_their_file_and_a_spoiled_file_takes_none_away(
    tmp_path: Path, path: Path
) -> None:
    tokens = WebTokens.load(settings(auth_jwks_file=path))
    old, new = signer("EdDSA", "eddsa").token(), signer("EdDSA", "new").token()
    before = [tokens.tenant(token) for token in (old, new)]

    other = tmp_path / "other"
    other.write_text(key_set(signer("EdDSA", "new").public))
    os.replace(other, path)  # noqa: PTH105 - as Kubernetes does it
    after = [tokens.tenant(token) for token in (old, new)]
    path.write_text("{")

    assert (before, after) == (["search", None], [None, "search"])
    assert tokens.tenant(new) == "search"


@given(text=st.text(max_size=200))
def test_no_text_is_a_token(tokens: WebTokens, text: str) -> None:
    for given_text in (text, f"{encoded(text.encode('utf-8', 'replace'))}.e30.AA"):
        assert tokens.tenant(given_text) is None


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@examples(max_examples=50)
@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x"]), _ANY),
    body=_ANY,
    signature=st.binary(max_size=80),
)
def test_no_header_and_no_claims_make_it_stumble(
    tokens: WebTokens, header: dict[str, Any], body: object, signature: bytes
) -> None:
    token = f"{encoded(header)}.{encoded(body)}.{encoded(signature)}"

    assert tokens.tenant(token) is None


def test_a_header_without_bottom_is_just_wrong(tokens: WebTokens) -> None:
    assert tokens.tenant(f"{encoded(b'[' * 100_000)}.e30.AA") is None


def test_odd_claims_that_are_well_signed_are_just_wrong(tokens: WebTokens) -> None:
    own = signer("ES256", "es256")
    for claims in (b"[" * 100_000, b"[]", b"1", b'"x"', b"\xff", b'{"exp":1e999,"aud":"x"}'):
        token = jwt.api_jws.encode(claims, own.key, "ES256", headers={"kid": "es256"})

        assert tokens.tenant(token) is None


ES = signer("ES256", "es").public
SMALL = rsa.generate_private_key(65_537, 1024).public_key()  # noqa: S505 - to be refused


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JWK set"),
        ('{"keys": [1]}', "not a JWK set"),
        (key_set(), "no key"),
        (key_set({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}), "no key"),
        (key_set({**ES, "use": "enc"}), "no key"),
        (key_set({**ES, "alg": "ES512"}), "no key"),
        (key_set({**ES, "key_ops": ["sign"]}), "no key"),
        (key_set({**ES, "kty": ["EC"]}), "no key"),
        (key_set({**ES, "d": "c2VjcmV0"}), "private"),
        (key_set({**ES, "x": "AA"}), "cannot be read"),
        (key_set({**ES, "x": 1}), "cannot be read"),
        (key_set(ES, {**signer("ES256", "x").public, "kid": "es"}), "kid of another"),
        (key_set(RSAAlgorithm.to_jwk(SMALL, as_dict=True)), "2048 bits"),
    ],
)
def test_a_set_that_can_check_nothing_safely_is_refused(content: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        keys_of(content.encode())

    assert "c2VjcmV0" not in str(caught.value)


def test_keys_of_other_kinds_beside_are_passed_over() -> None:
    large = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    others = [large, {"kty": "oct", "k": "AA"}, {**ES, "use": "enc"}]

    assert set(keys_of(key_set(*others, ES).encode())) == {("es", "ES256")}


@pytest.mark.parametrize(
    "values",
    [
        {"auth_jwt_audience": None, "auth_jwt_issuer": None},
        {"auth_jwks_file": None},
        {"auth_jwks_file": None, "auth_jwt_audience": None},
    ],
)
def test_settings_that_would_believe_tokens_of_other_services_are_refused(
    path: Path, values: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="auth_jw"):
        settings(**({"auth_jwks_file": path} | values))
