"""What a request may be at most, and whether it is something that can be worked on at all."""

from __future__ import annotations

from dataclasses import dataclass

from compressors.errors import InvalidInput
from compressors.protection import check_pattern
from compressors.values import Document
from service.request import Request
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of a request; characters are code points."""

    max_message_bytes: int
    max_documents: int
    max_query_chars: int
    max_document_chars: int
    max_total_chars: int
    max_stages: int
    max_protected_texts: int
    max_protected_patterns: int
    max_pattern_chars: int
    max_protected_spans: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(
            max_message_bytes=settings.max_message_bytes,
            max_documents=settings.max_documents,
            max_query_chars=settings.max_query_chars,
            max_document_chars=settings.max_document_chars,
            max_total_chars=settings.max_total_chars,
            max_stages=settings.max_stages,
            max_protected_texts=settings.max_protected_texts,
            max_protected_patterns=settings.max_protected_patterns,
            max_pattern_chars=settings.max_pattern_chars,
            max_protected_spans=settings.max_protected_spans,
        )

    def check(self, request: Request) -> None:
        """Raise ``InvalidInput`` with the field unless the request can be worked on."""
        self._check_query(request.query)
        self._check_documents(request)
        self._check_chain(request)
        self._check_protected(request.protected_texts)
        self._check_patterns(request.protected_patterns)
        self._check_spans(request)

    def _check_query(self, query: str) -> None:
        if not query.strip():
            raise InvalidInput("query", "must not be blank")
        _at_most("query", len(query), self.max_query_chars, "characters")
        _unicode("query", query)

    def _check_documents(self, request: Request) -> None:
        documents = request.documents
        if request.index is not None:
            if documents:
                raise InvalidInput("documents", "must be empty where index is set")
            _at_most("index.top_k", request.index.top_k, self.max_documents, "documents")
            return
        if not documents:
            raise InvalidInput("documents", "must not be empty unless index is set")
        _at_most("documents", len(documents), self.max_documents, "documents")
        seen: set[str] = set()
        for number, document in enumerate(documents):
            self._check_document(f"documents[{number}]", document)
            if document.id in seen:
                raise InvalidInput(f"documents[{number}].id", "was given before")
            seen.add(document.id)
        total = sum(len(d.text) + len(d.title) for d in documents)
        _at_most("documents", total, self.max_total_chars, "characters")

    def _check_document(self, path: str, document: Document) -> None:
        if not document.id:
            raise InvalidInput(f"{path}.id", "must not be empty")
        characters = len(document.text) + len(document.title)
        _at_most(f"{path}.text", characters, self.max_document_chars, "characters with the title")
        _unicode(f"{path}.id", document.id)
        _unicode(f"{path}.title", document.title)
        _unicode(f"{path}.text", document.text)

    def _check_chain(self, request: Request) -> None:
        if request.stages is None:
            return
        if request.chain is not None:
            raise InvalidInput("stages", "excludes chain")
        if not request.stages:
            raise InvalidInput("stages", "must not be empty")
        _at_most("stages", len(request.stages), self.max_stages, "stages")

    def _check_protected(self, texts: tuple[str, ...]) -> None:
        _at_most("protected_texts", len(texts), self.max_protected_texts, "texts")
        for number, text in enumerate(texts):
            if not text.strip():
                raise InvalidInput(f"protected_texts[{number}]", "must not be blank")
            _unicode(f"protected_texts[{number}]", text)

    def _check_patterns(self, patterns: tuple[str, ...]) -> None:
        _at_most("protected_patterns", len(patterns), self.max_protected_patterns, "patterns")
        for number, pattern in enumerate(patterns):
            path = f"protected_patterns[{number}]"
            if not pattern:
                raise InvalidInput(path, "must not be empty")
            _at_most(path, len(pattern), self.max_pattern_chars, "characters")
            _unicode(path, pattern)
            check_pattern(pattern, number)

    def _check_spans(self, request: Request) -> None:
        spans = request.protected_spans
        total = sum(len(own) for own in spans.values())
        _at_most("documents", total, self.max_protected_spans, "protected spans")
        for index, document in enumerate(request.documents):
            for number, (start, end) in enumerate(spans.get(document.id, ())):
                if not 0 <= start < end <= len(document.text):
                    path = f"documents[{index}].protected_spans[{number}]"
                    problem = f"[{start}, {end}) is not in a text of {len(document.text)}"
                    raise InvalidInput(path, problem)


def _at_most(field: str, given: int, limit: int, unit: str) -> None:
    if given > limit:
        raise InvalidInput(field, f"at most {limit} {unit}, are {given}")


def _unicode(field: str, text: str) -> None:
    # Protobuf cannot hold lone surrogates and tokenizers panic on them; only JSON lets them in.
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(field, f"a lone surrogate at character {error.start}") from error
