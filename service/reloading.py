"""What a file holds, where the file may change while the server runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Reloaded(Generic[T]):
    """What ``parse`` makes of a file, anew whenever it is another file or has changed.

    While it cannot be read, or ``parse`` raises ``ValueError``, what was there before stays.
    Raises ``ValueError`` naming ``setting`` if that is so from the start.
    """

    def __init__(self, path: Path, parse: Callable[[bytes], T], *, setting: str) -> None:
        self._path = path
        self._parse = parse
        self._setting = setting
        self._version = _version(path)
        self._value = self._read()

    @property
    def value(self) -> T:
        # One stat a call takes microseconds and needs no watcher. Kubernetes replaces a mounted
        # secret by moving a link, which changes the inode.
        version = _version(self._path)
        if version != self._version:
            # A file that was spoiled is not tried again, nor told of, until it changes once more.
            self._version = version
            self._renew()
        return self._value

    def _renew(self) -> None:
        try:
            self._value = self._read()
        except ValueError:
            # Without the words of the error, which may quote a secret.
            _LOG.warning(
                "a file cannot be read again; what it held before stays valid",
                extra={"setting": self._setting},
            )
        else:
            _LOG.info("a file was read again", extra={"setting": self._setting})

    def _read(self) -> T:
        try:
            data = self._path.read_bytes()
        except OSError as error:
            raise ValueError(f"{self._setting}: cannot read {self._path}") from error
        try:
            return self._parse(data)
        except ValueError as error:
            raise ValueError(f"{self._setting}: {self._path} {error}") from error


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - one system call on the way of every request
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
