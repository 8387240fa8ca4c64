"""The command ``condensery``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

# Everything else is imported by the command that needs it, so that `--help` is there at once.
if TYPE_CHECKING:
    from condensery import Client
    from service.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_OUTPUT = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
_STANDARD = Path("-")
_NO_LIMIT = 2**40
_PATIENCE = 600.0
"""Seconds that a request of an evaluation may take."""


def _target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which server does the work."""
    for option in (
        click.option("--ca-file", type=_FILE, help="PEM of whom to trust; implies TLS."),
        click.option("--token-file", type=_FILE, help="File with the bearer token."),
        click.option("--target", metavar="HOST:PORT", help="A server; without one: in-process."),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="condensery-server")
def main() -> None:
    """Retrieved documents in, a shorter and faithful context out.

    Settings are environment variables CONDENSERY_<NAME>, and the TOML file that
    CONDENSERY_CONFIG names.
    """


@main.command()
def serve() -> None:
    """Serve over gRPC until SIGTERM."""
    from service.server import serve as served

    settings = _settings()
    _limit_threads(settings)
    with _explained():
        status = served(settings)
    raise SystemExit(status)


@main.command()
@click.argument("files", nargs=-1, required=True, type=_INPUT)
@click.option("-q", "--query", help="Compress text files for this query.")
@click.option(
    "-o", "--output", type=_OUTPUT, default=_STANDARD, help="Lines of results; -: stdout."
)
@click.option("-c", "--chain", help="The chain, as `condensery info` lists them.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Tokens of a result, at most.")
@click.option("--rate", type=float, help="Share of the tokens to keep, in (0, 1].")
@click.option("--tokenizer", default="", help="What counts tokens.")
@click.option("--protect", multiple=True, metavar="TEXT", help="Keep this wherever it stands.")
@click.option("--protect-pattern", multiple=True, metavar="RE2", help="Keep what matches this.")
@click.option("--allow-empty", is_flag=True, help="Accept results without any text.")
@click.option(
    "--with-titles", is_flag=True, help="Title lines in the text; the budget counts them."
)
@click.option("--strict", is_flag=True, help="A stage that fails fails the request.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds that a request may take.",
)
@click.option(
    "-j",
    "--at-once",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    help="Lines that are worked on at a time.",
)
@_target_options
def compress(  # noqa: PLR0913, PLR0917 - one for each option
    files: tuple[Path, ...],
    query: str | None,
    output: Path,
    at_once: int,
    target: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    **options: Any,  # noqa: ANN401 - those of the request
) -> None:
    """Compress the requests of a JSONL file, or text files for one query.

    \b
    condensery compress requests.jsonl.gz -o results.jsonl --rate 0.2
    condensery compress --query "Who sold the house?" minutes.txt letters.txt

    A line of the input is {"id", "query", "documents": [{"id", "title", "text", "protected"}]};
    "protected" holds [start, end] of what must stay, and may be missing. Bad lines are reported by
    their number; the exit status is then 1.
    """  # noqa: D301 - click wants the character itself
    if options["rate"] is not None and options["max_tokens"] is not None:
        raise click.UsageError("--rate and --max-tokens exclude each other")
    timeout = options.pop("timeout")
    options["protected"] = options.pop("protect")
    options["protected_patterns"] = options.pop("protect_pattern")
    options["on_failure"] = "error" if options.pop("strict") else "pass_through"
    if query is None and len(files) > 1:
        raise click.UsageError("one JSONL file, or --query with text files")
    with _client(target, token_file, ca_file, timeout) as client:
        if query is not None:
            from service.texts import show_texts

            show_texts(client, query, files, options)
            return
        from service.lines import compress_lines

        bad = compress_lines(client, files[0], output, options, at_once=at_once)
    if bad:
        raise SystemExit(1)


@main.command("eval")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("-o", "--output", type=_FOLDER, required=True, metavar="DIRECTORY")
@click.option(
    "-c", "--chain", "chains", multiple=True, help="A chain; of several, the first leads."
)
@click.option("--rates", default="", metavar="R,R", help="Shares of tokens  [default: .1,.2,.3]")
@click.option("--thresholds", default="", metavar="T,T", help="Thresholds of the stage exit.")
@click.option("--against", metavar="NAMES", help="Other methods, with commas; all; none.")
@click.option("--reader", type=click.Choice(["none", "extractive", "openai"]), default="none")
@click.option("--reader-url", metavar="URL", help="OpenAI-compatible endpoint; texts go there.")
@click.option("--reader-model", metavar="NAME", help="The model to ask there.")
@click.option("--reader-key-file", type=_FILE, help="File with the key for it.")
@click.option("--limit", type=click.IntRange(min=1), help="Examples of a set, at most.")
@click.option("--tokenizer", help="What counts tokens.")
@click.option(
    "-j", "--at-once", type=click.IntRange(1, 1000), default=1, help="Requests at a time."
)
@_target_options
def evaluate(
    files: tuple[Path, ...],
    target: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    **options: Any,  # noqa: ANN401 - those of the evaluation
) -> None:
    """Measure how much of what answers a query survives, beside other methods.

    \b
    condensery eval dev.jsonl.gz -o results --rates .1,.2 --thresholds .5 --against all

    FILES are data sets: JSONL of queries with documents and answers, of paragraphs with questions,
    or of meetings or long documents with queries. The table goes to standard output, its numbers as
    results.json and results.csv, and its curves, to the directory. What is done is remembered
    there; a second run does what is missing. With -j the seconds of a chain include waiting.
    """  # noqa: D301 - click wants the character itself
    with _explained():
        from service.evaluate import Job, evaluated

        job = Job.of(files, **options)
    settings = _settings()
    _limit_threads(settings)
    with _client(target, token_file, ca_file, _PATIENCE) as client:
        bad = evaluated(client, job, settings, is_remote=target is not None)
    if bad:
        raise click.ClickException(f"results of chains that are empty, or longer: {bad}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_target_options
def info(
    *, as_json: bool, target: str | None, token_file: Path | None, ca_file: Path | None
) -> None:
    """Say what a server, or this process, offers: chains, stages, limits, tokenizers."""
    from service.info import show_info

    with _client(target, token_file, ca_file, 60.0) as client:
        show_info(client.info(), as_json=as_json)


@main.group()
def index() -> None:
    """Indexes that the server can search itself."""


@index.command()
@click.argument("source", type=_FILE)
@click.option("-o", "--output", type=_FOLDER, required=True)
def build(source: Path, output: Path) -> None:
    """Index the documents of a JSONL file.

    A line is {"id", "text", "title", "metadata"}; the last two may be missing. A server loads the
    index where CONDENSERY_INDEXES has NAME=DIRECTORY.
    """
    settings = _settings()
    _limit_threads(settings)
    from service.indexing import build_index

    with _explained():
        build_index(settings, source, output)


@contextmanager
def _client(
    target: str | None, token_file: Path | None, ca_file: Path | None, timeout: float
) -> Iterator[Client]:
    if target is None:
        # A file waits for its own requests; there is nobody else to be fair to.
        settings = replace(_settings(), max_queued_tokens=_NO_LIMIT)
        _limit_threads(settings)
    from condensery import Client, Tls

    with _explained():
        if target is None:
            client = Client.in_process(settings, timeout=timeout)
        else:
            token = token_file.read_text(encoding="utf-8").strip() if token_file else None
            tls = Tls(root_certificates=ca_file.read_bytes()) if ca_file else None
            client = Client(target, token=token, tls=tls, timeout=timeout)
        with client:
            yield client


@contextmanager
def _explained() -> Iterator[None]:
    """Say what went wrong in one line, as far as it is no mistake of ours."""
    from compressors.errors import CompressionError
    from condensery import CondenseryError

    try:
        yield
    except (CompressionError, CondenseryError, OSError, EOFError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _settings() -> Settings:
    from service.settings import Settings

    try:
        return Settings.load(os.environ)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _limit_threads(settings: Settings) -> None:
    # Before anything imports torch, which reads this once.
    from compressors.engine import limit_threads

    limit_threads(os.environ, settings.threads or None)


if __name__ == "__main__":
    main()
