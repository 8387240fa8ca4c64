"""What both clients do before a call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from condensery.border import generate_to_pb, request_to_pb
from condensery.request import AnswerOptions, GenerateOptions, Options, Request, documents_of
from condensery.v1 import compression_pb2 as pb
from condensery.values import Document, DocumentLike

DEFAULT_TARGET = "localhost:50051"
DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Compress:
    """The message of a call, and the documents that its answer is about."""

    message: pb.CompressRequest
    documents: tuple[Document, ...]

    @classmethod
    def of(cls, query: str, documents: Iterable[DocumentLike], options: Options) -> Self:
        """Raises ``InvalidRequest``, or ``TypeError`` for an option that does not exist."""
        request = Request(query=query, documents=documents_of(documents), **options)
        return cls(request_to_pb(request), request.documents)

    @property
    def streamed(self) -> pb.CompressStreamRequest:
        return pb.CompressStreamRequest(request=self.message)


@dataclass(frozen=True, slots=True)
class Generate:
    """The message of a call, and the documents that its answer is about."""

    message: pb.GenerateRequest
    documents: tuple[Document, ...]

    @classmethod
    def of(cls, query: str, documents: Iterable[DocumentLike], options: GenerateOptions) -> Self:
        """Raises ``InvalidRequest``, or ``TypeError`` for an option that does not exist."""
        ours = dict(options)
        theirs = {key: ours.pop(key) for key in AnswerOptions.__annotations__ if key in ours}
        request = Request(query=query, documents=documents_of(documents), **ours)  # type: ignore[arg-type] # the rest of a TypedDict has no type
        return cls(generate_to_pb(request, theirs), request.documents)  # type: ignore[arg-type] # nor has a part of it
