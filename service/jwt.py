"""JSON Web Tokens (RFC 7519), checked with keys from a file that may change meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from service.identity import is_name
from service.refusals import Unauthenticated
from service.reloading import Reloaded
from service.settings import Settings

if TYPE_CHECKING:
    from jwt import PyJWK

_SETTING: Final = "auth_jwks_file"
# How far the clocks of issuer and server may be apart, in seconds.
_LEEWAY: Final = 30
_LEAST_RSA_BITS: Final = 2048
# What a key may sign, by its kind. Nothing with a shared secret: whoever could check, could sign.
_ALGORITHMS: Final = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}

Keys = Mapping[tuple[str | None, str], "PyJWK"]
"""Keys by their ``kid``, if they have one, and the algorithm that they are good for."""


class WebTokens:
    """Knows whose a JSON Web Token is: RS256, ES256 and EdDSA, with an end and an audience.

    Which algorithm a key checks is decided by the key, when the file is read; what a token says of
    itself only chooses among these pairs. A token without ``kid`` is checked where one key only
    comes into question.
    """

    def __init__(
        self, keys: Reloaded[Keys], *, audience: str, issuer: str | None, claim: str
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._claim = claim

    @classmethod
    def load(cls, settings: Settings) -> WebTokens:
        """As the settings say. Raises ``ValueError`` naming the setting."""
        path, audience = settings.auth_jwks_file, settings.auth_jwt_audience
        if path is None or audience is None:
            raise ValueError(f"{_SETTING} and auth_jwt_audience: set both")
        try:
            import jwt  # noqa: F401 - is it there?
        except ImportError as error:
            raise ValueError(f"{_SETTING}: needs the extra jwt") from error
        return cls(
            Reloaded(path, keys_of, setting=_SETTING),
            audience=audience,
            issuer=settings.auth_jwt_issuer,
            claim=settings.auth_jwt_tenant_claim,
        )

    def tenant(self, given: str) -> str | None:
        """The tenant that a valid token names.

        Raises ``Unauthenticated`` for one that was valid and is over, so that its bearer knows.
        """
        import jwt

        try:
            header = jwt.get_unverified_header(given)
            # What is critical must be understood, and we understand nothing of that kind.
            key = None if "crit" in header else self._key(header)
            if key is None:
                return None
            claims = jwt.decode(
                given,
                key.key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "aud"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("the token is over") from error
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
            # What a stranger sends as header may make the parsers raise more than their own.
            return None
        name = claims.get(self._claim)
        return name if isinstance(name, str) and is_name(name) else None

    def _key(self, header: Mapping[str, Any]) -> PyJWK | None:
        keys, kid, algorithm = self._keys.value, header.get("kid"), header.get("alg")
        if not isinstance(algorithm, str) or not isinstance(kid, str | None):
            return None
        if kid is not None:
            return keys.get((kid, algorithm))
        possible = [key for (_, own), key in keys.items() if own == algorithm]
        return possible[0] if len(possible) == 1 else None


def keys_of(data: bytes) -> Keys:
    """The keys of a JWK set (RFC 7517) that can check a token; others in it are passed over.

    Raises ``ValueError`` where there is none, a private or a weak one, or two of one name.
    """
    import jwt

    keys: dict[tuple[str | None, str], PyJWK] = {}
    for number, entry in enumerate(_entries(data)):
        algorithm = _algorithm(entry)
        if algorithm is None:
            continue
        if "d" in entry:
            raise ValueError(f"has a private key at {number}; the server needs public ones only")
        try:
            key = jwt.PyJWK(entry, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise ValueError(f"has a key at {number} that cannot be read") from error
        if algorithm == "RS256" and key.key.key_size < _LEAST_RSA_BITS:
            raise ValueError(f"has a key at {number} of less than {_LEAST_RSA_BITS} bits")
        if keys.setdefault((entry.get("kid"), algorithm), key) is not key:
            raise ValueError(f"has a key at {number} with the kid of another")
    if not keys:
        raise ValueError("holds no key for RS256, ES256 or EdDSA")
    return keys


def _entries(data: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("is not JSON") from error
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise ValueError("is not a JWK set")
    return entries


def _algorithm(entry: Mapping[str, Any]) -> str | None:
    """What a key is good for; ``None`` where that is not to check one of our signatures."""
    kind = (entry.get("kty"), entry.get("crv"))
    # Written so that odd types, which JSON allows, are no kind.
    algorithm = next((own for known, own in _ALGORITHMS.items() if known == kind), None)
    operations = entry.get("key_ops")
    fits = (
        entry.get("alg") in (None, algorithm)
        and entry.get("use") in (None, "sig")
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        and isinstance(entry.get("kid"), str | None)
    )
    return algorithm if fits else None
