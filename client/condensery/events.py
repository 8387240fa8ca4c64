"""What the messages of a stream amount to, as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from condensery.border import (
    citation_from_pb,
    compression_from_pb,
    compression_of,
    document_from_pb,
    usage_from_pb,
)
from condensery.errors import ServerFailure
from condensery.v1 import compression_pb2 as pb
from condensery.values import Answer, Compression, Document, DocumentResult

Message_contra = TypeVar("Message_contra", contravariant=True)
Event_co = TypeVar("Event_co", covariant=True)


class Events(Protocol[Message_contra, Event_co]):
    """Makes sense of the messages of one stream."""

    def take(self, message: Message_contra) -> Event_co | None:
        """What a message says; ``None`` for what this client is too old to know."""

    def end(self) -> None:
        """Raise ``ServerFailure`` if the result never came."""


class CompressionEvents:
    """Gathers the documents of a stream, so that its end is the same as an unstreamed result."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents
        self._given = {document.id: document for document in documents}
        self._results: dict[str, DocumentResult] = {}
        self._complete = False

    def take(self, message: pb.CompressStreamResponse) -> DocumentResult | Compression | None:
        match message.WhichOneof("event"):
            case "document":
                result = document_from_pb(message.document, self._given)
                self._results[result.id] = result
                return result
            case "result":
                self._complete = True
                return compression_of(message.result, self._sorted(message.result), self._documents)
        return None

    def end(self) -> None:
        if not self._complete:
            raise ServerFailure("the stream ended before its result")

    def _sorted(self, message: pb.CompressResponse) -> list[DocumentResult]:
        """The results in order: of the request, or, from an index, as the reports have it."""
        reported = message.stages[-1].documents if message.stages else ()
        ids = list(self._given) or [each.id for each in reported]
        place = {id_: number for number, id_ in enumerate(ids)}
        return sorted(self._results.values(), key=lambda each: place.get(each.id, len(place)))


class AnswerEvents:
    """Gathers the pieces of an answer, so that its end holds all of it."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents
        self._pieces: list[str] = []
        self._complete = False

    def take(self, message: pb.GenerateResponse) -> Compression | str | Answer | None:
        match message.WhichOneof("event"):
            case "compressed":
                return compression_from_pb(message.compressed, self._documents)
            case "text":
                self._pieces.append(message.text)
                return message.text
            case "end":
                self._complete = True
                return self._answer(message.end)
        return None

    def end(self) -> None:
        if not self._complete:
            raise ServerFailure("the stream ended before its result")

    def _answer(self, end: pb.GenerateEnd) -> Answer:
        return Answer(
            text="".join(self._pieces),
            finish_reason=end.finish_reason,
            model=end.model,
            usage=usage_from_pb(end.usage),
            citations=tuple(citation_from_pb(each) for each in end.citations),
            insufficient_evidence=end.insufficient_evidence,
        )
