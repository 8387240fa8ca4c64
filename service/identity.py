"""Who calls: the tenant of the call that this task serves, and what a tenant may be called."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar

from service.calls import Call
from service.refusals import NotAllowed

_NAME = re.compile(r"[\x21-\x7e]{1,128}")
_SANS = "x509_subject_alternative_name"
_COMMON_NAME = "x509_common_name"
_TENANT: ContextVar[str] = ContextVar("tenant", default="")


def tenant() -> str:
    """Whose call it is; "" where nobody told so that we believe it."""
    return _TENANT.get()


def believe(name: str) -> None:
    """This is whose call it is, from here to the end of the task, which serves nothing else."""
    _TENANT.set(name)


def is_name(text: str) -> bool:
    """Whether a tenant may be called so: up to 128 characters of ASCII, no spaces.

    Names go into logs, metrics and statuses, so they are kept short and visible.
    """
    return _NAME.fullmatch(text) is not None


class Certified:
    """Around a call: it is the call of whom the client's certificate names.

    With a list of names, only with one of these; raises ``NotAllowed`` otherwise.
    """

    def __init__(self, allowed: Iterable[str] | None) -> None:
        self._allowed = None if allowed is None else frozenset(allowed)

    @asynccontextmanager
    async def __call__(self, call: Call) -> AsyncIterator[None]:
        names = certificate_names(call.context.auth_context())
        if self._allowed is not None:
            names = [name for name in names if name in self._allowed]
            if not names:
                raise NotAllowed("the certificate is of none of those who are let in")
        believe(next(iter(names), ""))
        yield


def certificate_names(auth: Mapping[str, Iterable[bytes]]) -> list[str]:
    """The names in a client's certificate, from gRPC's ``auth_context``, the best ones first.

    SPIFFE IDs, then the other alternative names of the subject, then its common name. Names that
    no tenant may have are left out.
    """
    sans = _names(auth.get(_SANS, ()))
    first_spiffe = sorted(sans, key=lambda name: not name.startswith("spiffe://"))
    return [*first_spiffe, *_names(auth.get(_COMMON_NAME, ()))]


def _names(values: Iterable[bytes]) -> list[str]:
    return [name for value in values if is_name(name := value.decode("utf-8", "replace"))]
