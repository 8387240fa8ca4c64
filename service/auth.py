"""Who is let in, and whose call it is then: by a bearer token, by a certificate, or by both."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service.calls import Around, Call
from service.identity import Certified, believe, is_name
from service.jwt import WebTokens
from service.refusals import Unauthenticated
from service.reloading import Reloaded
from service.settings import Settings

_SCHEME = "bearer "


class Bearers(Protocol):
    """Knows whose a bearer token is."""

    def tenant(self, given: str) -> str | None:
        """The tenant, "" where it has no name; ``None`` where the token is not known here.

        Raises ``Unauthenticated`` where the caller may be told more than that.
        """
        ...


def asked_of_callers(settings: Settings) -> list[Around]:
    """What callers have to show before anything is done for them; nothing by default.

    A token that names no tenant leaves the call to the one whom the certificate names. Raises
    ``ValueError`` naming the setting.
    """
    arounds: list[Around] = []
    if settings.tls_client_ca_file is not None:
        names = settings.tls_client_names
        arounds.append(Certified(names and [name.strip() for name in names.split(",")]))
    bearers: list[Bearers] = []
    if settings.auth_tokens_file is not None:
        bearers.append(Tokens(settings.auth_tokens_file))
    if settings.auth_jwks_file is not None:
        bearers.append(WebTokens.load(settings))
    return [*arounds, Authenticated(bearers)] if bearers else arounds


@dataclass(frozen=True, slots=True)
class _Token:
    digest: bytes
    tenant: str


class Tokens:
    """The tokens of a file, one a line, each alone or after the name of its tenant and a space.

    A space, for that is what no token can have in it: ``Authorization: Bearer`` ends there. Blank
    lines and lines that begin with # are not tokens. The file may change, see ``Reloaded``. Raises
    ``ValueError`` if it cannot be read or holds no token.
    """

    def __init__(self, path: Path) -> None:
        self._file = Reloaded(path, _tokens, setting="auth_tokens_file")

    def tenant(self, given: str) -> str | None:
        """Whose token it is, in a time that does not depend on how nearly it is one."""
        digest = _digest(given.encode("utf-8", "surrogatepass"))
        found: str | None = None
        for token in self._file.value:
            if hmac.compare_digest(digest, token.digest):
                found = token.tenant
        return found


def _tokens(data: bytes) -> tuple[_Token, ...]:
    tokens: dict[bytes, _Token] = {}
    for number, line in enumerate(data.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        # What is wrong is told by its line only: it may be a secret.
        name = words[0].decode("utf-8", "replace") if len(words) > 1 else ""
        if len(words) > len(("name", "token")) or (len(words) > 1 and not is_name(name)):
            raise ValueError(f"has neither a token nor a name and a token in line {number}")
        token = _Token(_digest(words[-1]), name)
        if tokens.setdefault(token.digest, token).tenant != name:
            raise ValueError(f"has a token of another tenant once more in line {number}")
    if not tokens:
        raise ValueError("holds no token")
    return tuple(tokens.values())


def _digest(secret: bytes) -> bytes:
    # Equally long for all, so that not even the length of a token shows; and the tokens
    # themselves do not stay in memory.
    return hashlib.sha256(secret).digest()


class Authenticated:
    """Around a call: only with a bearer token that is known to one of these."""

    def __init__(self, bearers: Sequence[Bearers]) -> None:
        self._bearers = tuple(bearers)

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        given = call.metadata("authorization") or ""
        if not given.lower().startswith(_SCHEME):
            raise Unauthenticated("authorization: Bearer is missing")
        if name := self._tenant(given[len(_SCHEME) :].strip()):
            believe(name)
        yield

    def _tenant(self, given: str) -> str:
        for each in self._bearers:
            name = each.tenant(given)
            if name is not None:
                return name
        raise Unauthenticated("the token is not known")
