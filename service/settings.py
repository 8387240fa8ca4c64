"""What an operator may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from service.setting_values import Between, check_bounds, given

Port = Annotated[int, Between(0, 65_535)]
Count = Annotated[int, Between(1)]
CountOrAuto = Annotated[int, Between(0)]
Seconds = Annotated[float, Between(0, 86_400)]
Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
ExitOverflow = Literal["window", "head-tail", "error"]
Reflection = Literal["auto", "true", "false"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_TOGETHER: Final = (
    ("tls_cert_file", "tls_key_file"),
    # A token that was made for another service is none for this one.
    ("auth_jwks_file", "auth_jwt_audience"),
    ("downstream_price_per_million_tokens", "price_per_hour"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a server. Each is also the variable ``CONDENSERY_<NAME>``."""

    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 or [::] for all."""
    port: Port = 50_051
    """The gRPC port; 0 picks a free one."""
    health_port: Port | None = 50_052
    """A plaintext port with nothing but health, for probes; ``none`` opens none."""
    metrics_port: Port | None = 9_090
    """The HTTP port of the Prometheus metrics; ``none`` opens none."""
    device: Device = "auto"
    """Where models run; ``auto`` takes a GPU where there is one."""
    dtype: Dtype = "auto"
    """What models compute in; ``auto`` is float32 on a CPU and bfloat16 or float16 on a GPU."""
    threads: CountOrAuto = 0
    """Threads of a model on a CPU; 0 takes the quota of the container, or the cores."""
    workers: Count = 256
    """Requests that are worked on at a time; most of them wait for the device, and few compute."""
    batch_tokens: CountOrAuto = 0
    """Padded tokens of a batch; 0 chooses by device."""
    max_queued_tokens: CountOrAuto = 0
    """Tokens that may wait before requests are refused; 0 chooses by device."""
    bulk_share: Annotated[float, Between(0.01, 0.99)] = 0.1
    """What bulk requests get of the device, at the least, while interactive ones wait."""
    tenant_tokens_per_minute: CountOrAuto = 0
    """What the models may read for one tenant in a minute; whoever names no tenant is of one that
    all of those share. 0: as much as there is."""
    tenant_quotas: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The same for single tenants: ``tenant=tokens,…``."""
    cache_bytes: CountOrAuto = 64 * 1024 * 1024
    """Memory for texts that were tokenised, and queries read in documents, before; each tenant
    finds only its own; 0: none."""
    downstream_tokens_per_second: Annotated[float, Between(1)] | None = None
    """How fast the LLM that gets the result reads a prompt; a request that would not be done sooner
    than that LLM reads what it saves passes through. None: it is not asked."""
    downstream_price_per_million_tokens: Annotated[float, Between(0)] | None = None
    """What that LLM takes for reading a million tokens; a request that would cost more of
    ``price_per_hour`` than it saves passes through."""
    price_per_hour: Annotated[float, Between(0)] | None = None
    """What an hour of this server costs, in the same currency."""
    default_deadline_seconds: Annotated[float, Between(0.001, 86_400)] = 60.0
    """What a request may take that comes without a deadline."""
    max_message_bytes: Annotated[int, Between(1024, 2**31 - 1)] = 16 * 1024 * 1024
    """The largest message, either way."""
    max_documents: Count = 1_000
    """Documents of a request."""
    max_query_chars: Count = 8_192
    """Code points of a query."""
    max_document_chars: Count = 2_000_000
    """Code points of a document, with its title."""
    max_total_chars: Count = 8_000_000
    """Code points of all documents of a request."""
    max_stages: Count = 8
    """Stages of a chain that a request brings."""
    max_protected_texts: CountOrAuto = 100
    """Protected texts of a request."""
    max_protected_patterns: CountOrAuto = 20
    """Protected patterns of a request."""
    max_pattern_chars: Count = 1_000
    """Code points of a protected pattern."""
    max_protected_spans: CountOrAuto = 10_000
    """Protected spans of all documents of a request."""
    drain_seconds: Seconds = 20.0
    """What requests in flight get after SIGTERM."""
    stall_seconds: Annotated[float, Between(0.1, 86_400)] = 300.0
    """A device that finishes nothing for so long while somebody waits is lost: all who wait get
    UNAVAILABLE, and the process ends with the status 70. More than any batch takes."""
    auth_tokens_file: Path | None = None
    """A file with one bearer token a line, which the name of its tenant and a space may precede;
    with none of this nor ``auth_jwks_file``, nobody is asked for a token."""
    auth_jwks_file: Path | None = None
    """A JWK set with the public keys that JSON Web Tokens of callers are checked with, with the
    extra ``jwt``: RS256, ES256 or EdDSA."""
    auth_jwt_audience: str | None = None
    """What has to be among the audiences (``aud``) of such a token."""
    auth_jwt_issuer: str | None = None
    """Who has to be its issuer (``iss``); none: whoever has the keys."""
    auth_jwt_tenant_claim: str = "sub"
    """The claim of it that names the tenant."""
    tls_cert_file: Path | None = None
    """The certificate of the server, PEM; none: plaintext."""
    tls_key_file: Path | None = None
    """Its key, PEM."""
    tls_client_ca_file: Path | None = None
    """What client certificates must be signed by, PEM; none: clients need no certificate. The
    tenant is whom it names, unless a token does."""
    tls_client_names: str | None = None
    """The only names of such certificates that are let in, with commas between them: SPIFFE IDs,
    other alternative names or common names; none: all that are signed."""
    reflection: Reflection = "auto"
    """Whether the server describes its own contract, to everybody; ``auto``: only where nobody is
    asked for a token."""
    exit_causal_lm: str | None = None
    """A causal LM, by directory or hub name: the backend ``causal-lm`` of ``exit``, its default
    then."""
    exit_lora: str | None = None
    """A LoRA adapter for it."""
    exit_overflow: ExitOverflow = "window"
    """What it does with a document that is too long for it: ``window`` reads each sentence in a
    window around it, ``head-tail`` the document's beginning and end, ``error`` refuses it."""
    llmlingua2_model: str | None = None
    """A token classifier, by directory or hub name: the backend ``checkpoint`` of ``llmlingua2``,
    its default then."""
    encoder_model: str | None = None
    """A sentence-transformers model, by directory or hub name: the backend ``checkpoint`` of
    ``crag`` and ``tcra-…``, their default then, and what indexes are searched with."""
    summary_model: str | None = None
    """A seq2seq model, by directory or hub name, for the summarizer ``seq2seq``; or several with
    commas between them, each of which states the rate that it was tuned for."""
    summary_gate: bool = True
    """Whether it has to beat random deletion before it serves."""
    summary_cache_entries: CountOrAuto = 1_000
    """Written summaries that are remembered, in memory, for the same documents; 0: none."""
    longllmlingua_model: str | None = None
    """A causal LM, by directory or hub name: the stage ``longllmlingua``, which is there only
    then."""
    sat_model: Path | None = None
    """The directory of a SaT model that finds sentences, with the extra ``sat``; none: rules."""
    sat_threshold: Annotated[float, Between(0.001, 0.999)] = 0.25
    """The probability from which on it ends a sentence; .25 for its models ``-sm``, else .025."""
    tokenizers: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Further tokenizers: ``name=source,…``; a source is a tokenizer.json, a directory, a hub
    name, or ``tiktoken:<encoding>``."""
    default_tokenizer: str = "minilm"
    """The tokenizer that counts where a request names none."""
    indexes: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Indexes that requests may name: ``name=directory,…``."""
    llm_base_url: str | None = None
    """The OpenAI-compatible endpoint that answers, such as http://vllm:8000/v1."""
    llm_model: str | None = None
    """The model to ask there where a request names none."""
    llm_api_key_file: Path | None = None
    """A file with the key for it; none: no key."""
    llm_langchain: str | None = None
    """A LangChain chat model instead, or what makes one: ``package.module:attribute``."""
    llm_timeout_seconds: Annotated[float, Between(0.001, 86_400)] = 60.0
    """How long the LLM may stay silent."""
    summarizer_openai: bool = False
    """Whether the LLM endpoint serves as the summarizer ``openai``."""
    prompt_template_file: Path | None = None
    """The prompt for the LLM, with {query} and {context}; none: the built-in one."""
    otlp_endpoint: str | None = None
    """Where traces go, over gRPC, such as http://collector:4317; needs the extra ``otel``. None: no
    traces."""
    otlp_sample_ratio: Annotated[float, Between(0, 1)] = 1.0
    """The share of calls that is traced, of those whose caller has not decided that."""
    log_level: LogLevel = "INFO"
    """What is logged."""

    def __post_init__(self) -> None:
        check_bounds(self)
        self._check_pairs()
        self._check_addresses()

    def _check_pairs(self) -> None:
        for one, other in _TOGETHER:
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other}: set both or neither")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("tls_client_ca_file: needs tls_cert_file")
        if self.tls_client_names and not self.tls_client_ca_file:
            raise ValueError("tls_client_names: needs tls_client_ca_file")
        if self.auth_jwt_issuer and not self.auth_jwks_file:
            raise ValueError("auth_jwt_issuer: needs auth_jwks_file")
        if self.exit_lora and not self.exit_causal_lm:
            raise ValueError("exit_lora: needs exit_causal_lm")
        for tenant, tokens in self.tenant_quotas.items():
            if not tokens.isdecimal():
                raise ValueError(f"tenant_quotas: not a number of tokens: {tenant}={tokens}")

    def _check_addresses(self) -> None:
        if self.llm_base_url and self.llm_langchain:
            raise ValueError("llm_base_url and llm_langchain: set one of them")
        if self.llm_base_url and not self.llm_model:
            raise ValueError("llm_model: must be set with llm_base_url")
        if self.summarizer_openai and not self.llm_base_url:
            raise ValueError("summarizer_openai: needs llm_base_url")
        if self.otlp_endpoint and not self.otlp_endpoint.startswith(("http://", "https://")):
            raise ValueError("otlp_endpoint: must begin with http:// or https://")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """From ``CONDENSERY_*``, and the TOML file that ``CONDENSERY_CONFIG`` names, if any.

        The environment wins. Raises ``ValueError`` naming whatever is unknown or wrong.
        """
        return cls(**given(cls, environ))
