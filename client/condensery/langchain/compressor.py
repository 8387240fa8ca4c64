"""The document compressor, on which the other two stand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal, TypedDict

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.load.serializable import (
    Serializable,
    SerializedConstructor,
    SerializedNotImplemented,
)
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.utils import secret_from_env
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, SkipValidation

from condensery.aio import AsyncClient
from condensery.calls import DEFAULT_TARGET, DEFAULT_TIMEOUT
from condensery.client import Client
from condensery.connection import Tls
from condensery.langchain.documents import Rewriting, documents_of
from condensery.request import Options
from condensery.values import Compression, Priority, Stage

_logger = logging.getLogger(__name__)


class Given(TypedDict):
    """What the compressor takes as a runnable."""

    query: str
    documents: Sequence[Document]


class _Outcome(TypedDict):
    """What its run shows in a trace."""

    documents: list[Document]
    tokens_before: int | None
    tokens_after: int | None
    tokens_saved: int | None
    chain: str | None
    insufficient_evidence: bool | None
    error: str | None


class CondenseryCompressor(Serializable, BaseDocumentCompressor):
    """Compresses retrieved documents for a query; native both in threads and in event loops.

    Ids, order and metadata are kept, and the given documents never changed. What became of a
    document stands in its metadata under ``condensery``: outcome, spans, tokens, chain, and whether
    no sentence of all documents reached the threshold, ``insufficient_evidence``. Documents of
    which nothing is left are left out. A failure of any kind gives back the given documents.
    """

    target: str = DEFAULT_TARGET
    """The server, as gRPC names it."""
    token: SecretStr | None = Field(
        default_factory=secret_from_env("CONDENSERY_TOKEN", default=None)
    )
    """The bearer token, if the server wants one."""
    tls: bool = False
    """Whether to encrypt. For client certificates give a ``client``."""
    root_certificates: str | None = None
    """PEM of whom to trust, instead of the roots of the system; needs ``tls``."""
    timeout: float | None = DEFAULT_TIMEOUT
    """Seconds that a compression may take."""
    client: SkipValidation[Client | None] = None
    """What calls the server, or does its work, instead of all of the above."""
    chain: str | None = None
    """A chain by name; neither this nor ``stages``: the chain named ``default``."""
    stages: tuple[Stage | str, ...] | None = None
    """A chain of one's own."""
    max_tokens: int | None = None
    """At most so many tokens over all documents together."""
    rate: float | None = None
    """At most this share of the tokens given."""
    tokenizer: str = ""
    """What counts the tokens; empty: the default of the server."""
    protected: tuple[str, ...] = ()
    """Literal strings that must survive wherever they stand in a document."""
    protected_patterns: tuple[str, ...] = ()
    """Regular expressions, in RE2's syntax, whose matches must survive."""
    allow_empty: bool = False
    """Whether a result without any document is acceptable."""
    require_evidence: bool = False
    """Whether no documents come back where the evidence is insufficient, and not the best one."""
    keep_empty: bool = False
    """Whether documents of which nothing is left stay, with an empty text."""
    keep_original: bool = False
    """Whether the text as given goes into the metadata, for showing sources to a user."""
    title_key: str | None = "title"
    """Where the metadata hold a title, which helps the models; ``None``: nowhere."""
    priority: Priority = "interactive"
    """``bulk`` where nobody waits for the documents now."""
    on_failure: Literal["return_originals", "raise"] = "return_originals"
    """What to do if the server, or one of its stages, fails."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    # Neither opens anything before it is used, and then for the thread or loop that uses it.
    _client: Client = PrivateAttr()
    _async_client: AsyncClient = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's signature
        super().model_post_init(context)
        if self.root_certificates and not self.tls:
            raise ValueError("root_certificates: needs tls")
        self._client = self.client or self._own_client()
        self._async_client = self._client.as_async()

    def _own_client(self) -> Client:
        token = self.token.get_secret_value() if self.token else None
        roots = self.root_certificates.encode() if self.root_certificates else None
        tls = Tls(roots) if self.tls else None
        return Client(self.target, token=token, tls=tls, timeout=self.timeout)

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """What is left of the documents; no documents make no call."""
        if not documents:
            return []
        given: Given = {"query": query, "documents": documents}
        return self._run().invoke(given, {"callbacks": callbacks})["documents"]

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """The same without blocking."""
        if not documents:
            return []
        given: Given = {"query": query, "documents": documents}
        return (await self._run().ainvoke(given, {"callbacks": callbacks}))["documents"]

    def as_runnable(self) -> Runnable[Given, list[Document]]:
        """The same as a step of a chain: from ``{"query": …, "documents": […]}``."""

        def compress(given: Given) -> list[Document]:
            return self.compress_documents(given["documents"], given["query"])

        async def acompress(given: Given) -> list[Document]:
            return await self.acompress_documents(given["documents"], given["query"])

        return RunnableLambda(compress, acompress, name="condensery")

    def _run(self) -> Runnable[Given, _Outcome]:
        # Retrievers open no run for a compressor. With one of our own, traces show what was saved.
        return RunnableLambda(self._outcome, self._aoutcome, name=type(self).__name__)

    def _outcome(self, given: Given) -> _Outcome:
        try:
            documents = documents_of(given["documents"], self.title_key)
            compression = self._client.compress(given["query"], documents, **self._options())
            return self._success(given, compression)
        except Exception as error:  # noqa: BLE001 - whatever it is, the documents must survive it
            return self._failure(given, error)

    async def _aoutcome(self, given: Given) -> _Outcome:
        try:
            documents = documents_of(given["documents"], self.title_key)
            client = self._async_client
            compression = await client.compress(given["query"], documents, **self._options())
            return self._success(given, compression)
        except Exception as error:  # noqa: BLE001 - whatever it is, the documents must survive it
            return self._failure(given, error)

    def _options(self) -> Options:
        return {
            "chain": self.chain,
            "stages": self.stages,
            "max_tokens": self.max_tokens,
            "rate": self.rate,
            "tokenizer": self.tokenizer,
            "protected": self.protected,
            "protected_patterns": self.protected_patterns,
            "allow_empty": self.allow_empty,
            "priority": self.priority,
            "on_failure": "error" if self.on_failure == "raise" else "pass_through",
        }

    def _success(self, given: Given, compression: Compression) -> _Outcome:
        rewriting = Rewriting(given["documents"], self.keep_empty, self.keep_original)
        documents = rewriting.documents(compression)
        if self.require_evidence and compression.insufficient_evidence:
            documents = []
        elif not documents and not self.allow_empty:
            # The server leaves something of any text; so there was none, and nothing to win.
            documents = list(given["documents"])
        return {
            "documents": documents,
            "tokens_before": compression.totals.tokens_before,
            "tokens_after": compression.totals.tokens_after,
            "tokens_saved": compression.totals.tokens_saved,
            "chain": compression.chain,
            "insufficient_evidence": compression.insufficient_evidence,
            "error": None,
        }

    def _failure(self, given: Given, error: Exception) -> _Outcome:
        """The documents as they were; an answer from too much text is better than none."""
        if self.on_failure == "raise":
            raise error
        kind = type(error).__name__
        count = len(given["documents"])
        _logger.warning("compression failed, %d documents are as they were: %s", count, kind)
        return {
            "documents": list(given["documents"]),
            "tokens_before": None,
            "tokens_after": None,
            "tokens_saved": None,
            "chain": None,
            "insufficient_evidence": None,
            "error": f"{kind}: {error}",
        }

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"token": "CONDENSERY_TOKEN"}

    @property
    def lc_attributes(self) -> dict[str, Any]:
        if self.stages is None:
            return {}
        plain = [each if isinstance(each, str) else asdict(each) for each in self.stages]
        return {"stages": plain}

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        # Without its client it would come back as something else: a caller of the default target.
        return super().to_json() if self.client is None else self.to_json_not_implemented()
