"""The client for threads."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from condensery.border import compression_from_pb, server_info_from_pb
from condensery.calls import DEFAULT_TARGET, DEFAULT_TIMEOUT, Compress, Generate
from condensery.connection import Address, Connection, Tls
from condensery.events import AnswerEvents, CompressionEvents, Events
from condensery.remote import Server
from condensery.request import GenerateOptions, Options
from condensery.transport import Endpoint
from condensery.values import Answer, Compression, DocumentLike, DocumentResult, ServerInfo

if TYPE_CHECKING:
    from condensery.aio import AsyncClient
    from service.settings import Settings

_Message = TypeVar("_Message")
_Event = TypeVar("_Event")


class Client:
    """Compresses retrieved documents. Safe to use from many threads; pickles without its channel.

    Nothing is opened before the first call. Every call takes a ``timeout`` in seconds, otherwise
    that of the client, and raises ``CondenseryError``.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        token: str | None = None,
        tls: Tls | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        connection: Connection | None = None,
    ) -> None:
        address = Address(target, token, tls, connection or Connection())
        self._start(Server(address), timeout)

    @classmethod
    def in_process(
        cls, settings: Settings | None = None, *, timeout: float | None = DEFAULT_TIMEOUT
    ) -> Self:
        """A client that does the work itself; the first call loads the models.

        Raises ``NotInstalled`` without the distribution ``condensery-server``.
        """
        from condensery.local import InProcess

        return cls.at(InProcess.found(settings), timeout=timeout)

    @classmethod
    def at(cls, endpoint: Endpoint, *, timeout: float | None = DEFAULT_TIMEOUT) -> Self:
        """A client of whatever does the work."""
        client = cls.__new__(cls)
        client._start(endpoint, timeout)  # noqa: SLF001 - of this class
        return client

    def _start(self, endpoint: Endpoint, timeout: float | None) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._transport = endpoint.transport()

    def compress(
        self,
        query: str,
        documents: Iterable[DocumentLike] = (),
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Compression:
        """All documents under one budget. Texts without an id are named by their position."""
        call = Compress.of(query, documents, options)
        response = self._transport.compress(call.message, self._seconds(timeout))
        return compression_from_pb(response, call.documents)

    def compress_stream(
        self,
        query: str,
        documents: Iterable[DocumentLike] = (),
        *,
        timeout: float | None = None,
        **options: Unpack[Options],
    ) -> Generator[DocumentResult | Compression, None, None]:
        """Each document as soon as it is final, in any order; last, the same as ``compress``."""
        call = Compress.of(query, documents, options)
        events = CompressionEvents(call.documents)
        responses = self._transport.compress_stream(call.streamed, self._seconds(timeout))
        return _told(responses, events)

    def generate(
        self,
        query: str,
        documents: Iterable[DocumentLike] = (),
        *,
        timeout: float | None = None,
        **options: Unpack[GenerateOptions],
    ) -> Generator[Compression | str | Answer, None, None]:
        """First what the LLM is sent, then pieces of its answer, last the whole answer."""
        call = Generate.of(query, documents, options)
        events = AnswerEvents(call.documents)
        return _told(self._transport.generate(call.message, self._seconds(timeout)), events)

    def info(self, *, timeout: float | None = None) -> ServerInfo:
        """What the server is, and what it accepts."""
        return server_info_from_pb(self._transport.server_info(self._seconds(timeout)))

    def as_async(self) -> AsyncClient:
        """The same for event loops; each is to be closed by itself."""
        from condensery.aio import AsyncClient

        return AsyncClient.at(self._endpoint, timeout=self._timeout)

    def close(self) -> None:
        """Let go of the connection. A later call opens a new one."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        """Whether the other one asks the same, as the same caller, and as patiently."""
        return isinstance(other, Client) and self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash(self.__getstate__())

    def __getstate__(self) -> tuple[Endpoint, float | None]:
        return self._endpoint, self._timeout

    def __setstate__(self, state: tuple[Endpoint, float | None]) -> None:
        self._start(*state)

    def _seconds(self, timeout: float | None) -> float | None:
        return self._timeout if timeout is None else timeout


def _told(
    messages: Generator[_Message, None, None], events: Events[_Message, _Event]
) -> Generator[_Event, None, None]:
    """What a stream says. To close it is to give up the call."""
    with closing(messages):
        for message in messages:
            if (event := events.take(message)) is not None:
                yield event
    events.end()
