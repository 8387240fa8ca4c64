"""Bearer tokens from a file that may change while the server runs."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from service.calls import Call
from service.refusals import Unauthenticated

_LOG = logging.getLogger(__name__)
_SCHEME = "bearer "


class Tokens:
    """The tokens of a file, one a line; blank lines and lines that begin with # are not tokens.

    Read again whenever the file is another one or has changed. While it cannot be read, or holds
    no token, those read before stay valid. Raises ``ValueError`` if that is so from the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = _version(path)
        self._tokens = _read(path)

    def accept(self, given: str) -> bool:
        """Whether this is one of the tokens, in a time that does not depend on how nearly."""
        self._refresh()
        secret = given.encode("utf-8", "surrogatepass")
        matches = [hmac.compare_digest(secret, token) for token in self._tokens]
        return any(matches)

    def _refresh(self) -> None:
        # One stat a call takes microseconds and needs no watcher. Kubernetes replaces a mounted
        # secret by moving a link, which changes the inode.
        try:
            version = _version(self._path)
            if version == self._version:
                return
            self._tokens = _read(self._path)
            self._version = version
            _LOG.info("tokens read again", extra={"count": len(self._tokens)})
        except ValueError:
            _LOG.warning("the tokens cannot be read again; the earlier ones stay valid")


def _version(path: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - one system call on the way of every request
    except OSError as error:
        raise ValueError(f"auth_tokens_file: cannot read {path}") from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ValueError(f"auth_tokens_file: cannot read {path}") from error
    stripped = (line.strip() for line in lines)
    tokens = tuple(line for line in stripped if line and not line.startswith(b"#"))
    if not tokens:
        raise ValueError(f"auth_tokens_file: {path} holds no token")
    return tokens


class Authenticated:
    """Around a call: only with one of the tokens as ``authorization: Bearer``."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        given = call.metadata("authorization") or ""
        if not given.lower().startswith(_SCHEME):
            raise Unauthenticated("authorization: Bearer is missing")
        if not self._tokens.accept(given[len(_SCHEME) :].strip()):
            raise Unauthenticated("the token is not known")
        yield
