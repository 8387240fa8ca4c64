"""Real keys, the JWK set that they make, and tokens signed with them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from service.settings import Settings

AUDIENCE, ISSUER = "condensery", "https://issuer.example"


@dataclass(frozen=True)
class Signer:
    """A private key under a name, and the algorithm that it signs with."""

    kid: str | None
    algorithm: str
    key: Any

    @property
    def public(self) -> dict[str, Any]:
        """Its entry in a JWK set."""
        makers: dict[str, Any] = {
            "RS256": RSAAlgorithm,
            "ES256": ECAlgorithm,
            "EdDSA": OKPAlgorithm,
        }
        entry = makers[self.algorithm].to_jwk(self.key.public_key(), as_dict=True)
        named = {} if self.kid is None else {"kid": self.kid}
        return {**entry, **named, "use": "sig", "alg": self.algorithm}

    def token(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token of the tenant ``search`` that holds a minute; claims of ``None`` are left out."""
        usual = {"sub": "search", "aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 60}
        given = {name: value for name, value in (usual | claims).items() if value is not None}
        named = {} if self.kid is None else {"kid": self.kid}
        return jwt.encode(given, self.key, self.algorithm, headers={**named, **(header or {})})


@cache
def signer(algorithm: str, kid: str | None = None) -> Signer:
    """Always the same for the same arguments: RSA keys take long to make."""
    makers: dict[str, Any] = {
        "RS256": lambda: rsa.generate_private_key(65_537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }
    return Signer(kid, algorithm, makers[algorithm]())


def key_set(*entries: dict[str, Any]) -> str:
    return json.dumps({"keys": entries})


def settings(**values: Any) -> Settings:
    usual: dict[str, Any] = {"auth_jwt_audience": AUDIENCE, "auth_jwt_issuer": ISSUER}
    return Settings(**(usual | values))
