"""What a call asks for, in the caller's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from condensery.errors import InvalidRequest
from condensery.values import (
    Document,
    DocumentLike,
    FailurePolicy,
    Priority,
    Stage,
    StageLike,
)


class Options(TypedDict, total=False):
    """How to compress: the keyword arguments that all calls have in common.

    They stand here once, and not in the signature of every method of two clients.
    """

    chain: str | None
    """A chain by name; neither this nor ``stages``: the chain named ``default``."""
    stages: Sequence[StageLike] | None
    """A chain of one's own."""
    max_tokens: int | None
    """At most so many tokens over all documents together."""
    rate: float | None
    """At most this share of the tokens given, in (0, 1]; excludes ``max_tokens``."""
    tokenizer: str
    """What counts the tokens; empty: the default of the server."""
    protected: Sequence[str]
    """Literal strings that must survive wherever they stand in a document."""
    protected_patterns: Sequence[str]
    """Regular expressions, in RE2's syntax, whose matches must survive."""
    on_failure: FailurePolicy
    """What a stage that fails, or is late, does; ``pass_through`` unless set."""
    allow_empty: bool
    """Whether a result with no text at all is acceptable."""
    with_titles: bool
    """Whether each document in the text begins with its title; the budget then counts titles."""
    index: str | None
    """Retrieve from this index of the server instead of sending documents."""
    top_k: int | None
    """How many documents to retrieve from it."""
    priority: Priority
    """``bulk`` where nobody waits for the result now; ``interactive`` unless set."""


class AnswerOptions(TypedDict, total=False):
    """What to ask the downstream LLM for."""

    model: str
    """The model; empty: the default of the server."""
    max_answer_tokens: int | None
    """Upper limit of the answer, in the tokens of the LLM; unset: the LLM's own."""
    temperature: float | None
    """Sampling temperature, 0 or more; 0 if unset."""


class GenerateOptions(Options, AnswerOptions, total=False):
    """How to compress, and what to ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to compress, for which query, and how: ``Options`` with their defaults."""

    query: str
    documents: tuple[Document, ...]
    chain: str | None = None
    stages: Sequence[StageLike] | None = None
    max_tokens: int | None = None
    rate: float | None = None
    tokenizer: str = ""
    protected: Sequence[str] = ()
    protected_patterns: Sequence[str] = ()
    on_failure: FailurePolicy = "pass_through"
    allow_empty: bool = False
    with_titles: bool = False
    index: str | None = None
    top_k: int | None = None
    priority: Priority = "interactive"

    def __post_init__(self) -> None:
        # These would not fit on the wire; everything else is the server's to judge.
        if self.chain is not None and self.stages is not None:
            raise InvalidRequest("stages", "excludes chain")
        if self.max_tokens is not None and self.rate is not None:
            raise InvalidRequest("budget", "max_tokens and rate exclude each other")
        if self.top_k is not None and self.index is None:
            raise InvalidRequest("index.top_k", "needs an index")
        if self.on_failure not in ("pass_through", "error"):
            raise InvalidRequest("failure_policy", f"unknown: {self.on_failure!r}")
        if self.priority not in ("interactive", "bulk"):
            raise InvalidRequest("priority", f"unknown: {self.priority!r}")
        # A text is a sequence of texts too, and would silently fall to pieces.
        if isinstance(self.protected, str):
            raise InvalidRequest("protected_texts", "must be a list of texts, is a text")
        if isinstance(self.protected_patterns, str):
            raise InvalidRequest("protected_patterns", "must be a list of texts, is a text")
        if isinstance(self.stages, str):
            raise InvalidRequest("stages", "must be a list of stages, is a text")


def documents_of(documents: Iterable[DocumentLike]) -> tuple[Document, ...]:
    """Documents for whatever was given; those without an id are named by their position."""
    if isinstance(documents, str | Mapping):
        raise InvalidRequest("documents", "must be a list of documents, is one")
    return tuple(_document(number, each) for number, each in enumerate(documents))


def _document(number: int, given: DocumentLike) -> Document:
    if isinstance(given, Document):
        return given
    if isinstance(given, str):
        return Document(str(number), given)
    path = f"documents[{number}]"
    if not isinstance(given, Mapping):
        raise InvalidRequest(path, f"must be a document, is a {type(given).__name__}")
    if unknown := set(given) - {"id", "text", "title", "metadata", "protected"}:
        raise InvalidRequest(path, f"unknown keys: {', '.join(sorted(map(str, unknown)))}")
    if "text" not in given:
        raise InvalidRequest(f"{path}.text", "is missing")
    id_ = given.get("id")
    return Document(
        str(number) if id_ is None else id_,
        given["text"],
        given.get("title") or "",
        given.get("metadata") or {},
        given.get("protected") or (),
    )


def stage_of(given: StageLike) -> Stage:
    return Stage(given) if isinstance(given, str) else given
