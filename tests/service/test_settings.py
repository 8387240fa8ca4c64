from __future__ import annotations

import inspect
from dataclasses import fields, replace
from pathlib import Path

import pytest

from service.settings import Settings


def test_the_defaults_are_those_of_an_empty_environment() -> None:
    assert Settings.load({}) == Settings()


def test_reads_every_kind_of_value_from_the_environment() -> None:
    settings = Settings.load(
        {
            "CONDENSERY_PORT": "0",
            "CONDENSERY_HEALTH_PORT": "none",
            "CONDENSERY_DEVICE": "CPU",
            "CONDENSERY_DRAIN_SECONDS": "2.5",
            "CONDENSERY_REFLECTION": "FALSE",
            "CONDENSERY_AUTH_TOKENS_FILE": "/run/tokens",
            "CONDENSERY_INDEXES": "news=/i/news, law=/i/law",
            "HOME": "/root",
        }
    )

    assert settings == Settings(
        port=0,
        health_port=None,
        device="cpu",
        drain_seconds=2.5,
        reflection="false",
        auth_tokens_file=Path("/run/tokens"),
        indexes={"news": "/i/news", "law": "/i/law"},
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "condensery.toml"
    file.write_text('port = 1\nworkers = 3\n[tokenizers]\ngpt = "tiktoken:o200k_base"\n')

    settings = Settings.load({"CONDENSERY_CONFIG": str(file), "CONDENSERY_PORT": "2"})

    assert settings == Settings(port=2, workers=3, tokenizers={"gpt": "tiktoken:o200k_base"})


@pytest.mark.parametrize("name", ["CONDENSERY_PROT", "CONDENSERY_port", "CONDENSERY_"])
def test_refuses_variables_that_it_does_not_know(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.load({name: "1"})


def test_refuses_names_in_the_file_that_it_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "condensery.toml"
    file.write_text("prot = 1\n")

    with pytest.raises(ValueError, match="prot"):
        Settings.load({"CONDENSERY_CONFIG": str(file)})


@pytest.mark.parametrize("text", ["port = ", b"\xff", None])
def test_refuses_a_file_that_it_cannot_read(tmp_path: Path, text: str | bytes | None) -> None:
    file = tmp_path / "condensery.toml"
    if text is not None:
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    with pytest.raises(ValueError, match="CONDENSERY_CONFIG"):
        Settings.load({"CONDENSERY_CONFIG": str(file)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("PORT", "70000"),
        ("PORT", ""),
        ("HEALTH_PORT", "-1"),
        ("REFLECTION", "maybe"),
        ("DRAIN_SECONDS", "nan"),
        ("DRAIN_SECONDS", "inf"),
        ("DEVICE", "tpu"),
        ("WORKERS", "0"),
        ("INDEXES", "news"),
        ("INDEXES", "news=/a,news=/b"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"(?i)\b(CONDENSERY_)?{name}\b"):
        Settings.load({f"CONDENSERY_{name}": value})


@pytest.mark.parametrize("value", ["", " ", "none"])
def test_an_empty_value_is_none_where_there_can_be_none(value: str) -> None:
    assert Settings.load({"CONDENSERY_ENCODER_MODEL": value}).encoder_model is None


@pytest.mark.parametrize("value", ["true", "1.5", "[1]", '"x"'])
def test_the_file_has_types_too(tmp_path: Path, value: str) -> None:
    file = tmp_path / "condensery.toml"
    file.write_text(f"workers = {value}\n")

    with pytest.raises(ValueError, match="workers"):
        Settings.load({"CONDENSERY_CONFIG": str(file)})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tls_cert_file": Path("c")}, "tls_key_file"),
        ({"tls_client_ca_file": Path("c")}, "tls_client_ca_file"),
        ({"tls_client_names": "a"}, "tls_client_names"),
        ({"auth_jwks_file": Path("c")}, "auth_jwt_audience"),
        ({"auth_jwt_issuer": "a"}, "auth_jwt_issuer"),
        ({"llm_base_url": "http://x"}, "llm_model"),
        ({"llm_base_url": "http://x", "llm_model": "m", "llm_langchain": "a:b"}, "llm_langchain"),
        ({"summarizer_openai": True}, "summarizer_openai"),
        ({"exit_lora": "x"}, "exit_lora"),
        ({"otlp_endpoint": "collector:4317"}, "otlp_endpoint"),
        ({"otlp_sample_ratio": 1.5}, "otlp_sample_ratio"),
        ({"max_documents": 0}, "max_documents"),
        ({"bulk_share": 1.0}, "bulk_share"),
        ({"price_per_hour": 1.0}, "downstream_price_per_million_tokens"),
        ({"downstream_tokens_per_second": 0.0}, "downstream_tokens_per_second"),
        ({"tenant_quotas": {"acme": "many"}}, "tenant_quotas"),
    ],
)
def test_settings_that_do_not_go_together_never_exist(
    changes: dict[str, object], field: str
) -> None:
    with pytest.raises(ValueError, match=field):
        replace(Settings(), **changes)  # type: ignore[arg-type] # any of the fields


def test_every_field_says_what_it_is() -> None:
    source = inspect.getsource(Settings)

    for field in fields(Settings):
        after = source.split(f"    {field.name}: ", 1)[1].splitlines()[1]
        assert after.strip().startswith('"""'), field.name
