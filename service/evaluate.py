"""The command ``condensery eval``: methods side by side on data sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import click

from compressors.budget import Counter
from compressors.chains import DEFAULT
from compressors.errors import Unavailable
from condensery import Client
from evaluation import provenance
from evaluation.baselines import NAMES, baselines
from evaluation.chains import ChainMethod
from evaluation.report import table, write_csv, write_json
from evaluation.run import Contestant, Evaluation, Outcomes, set_name
from evaluation.store import digest
from evaluation.summary import Report, summed
from evaluation.work import Point
from service.settings import Settings
from service.tokenizers import load_counters

if TYPE_CHECKING:
    from evaluation.values import Reader

USUAL: Final = ("lead", "random", "bm25", "cosine", "documents")
"""The methods to compare with that need no further packages; taken unless told otherwise."""
RATES: Final = (0.1, 0.2, 0.3)
_CHAINS_ARE_MADE_BY: Final = tuple(
    Path(__file__).with_name(f"{name}.py") for name in ("catalogue", "models", "pipeline", "stages")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderChoice:
    """``none``, ``extractive``, or ``openai`` with an endpoint and a model."""

    kind: str = "none"
    url: str | None = None
    model: str | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        if self.kind == "openai" and not (self.url and self.model):
            raise ValueError("the reader openai needs an URL and a model")
        if self.kind != "openai" and (self.url or self.model or self.key_file):
            raise ValueError("URL, model and key are for the reader openai")

    def load(self, device: str) -> Reader | None:
        """Raises ``Unavailable``, ``OSError`` and ``ValueError``."""
        from evaluation import readers

        if self.url and self.model:
            key = self.key_file.read_text(encoding="utf-8").strip() if self.key_file else None
            return readers.openai(base_url=self.url, model=self.model, key=key)
        return readers.extractive(device=device) if self.kind == "extractive" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to evaluate, on what, and where to put it. The first chain is what others trail."""

    files: tuple[Path, ...]
    output: Path
    chains: tuple[str, ...]
    points: tuple[Point, ...]
    against: tuple[str, ...]
    reader: ReaderChoice
    limit: int | None
    tokenizer: str | None
    at_once: int

    def __post_init__(self) -> None:
        names = [set_name(file) for file in self.files]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"several files for the set {', '.join(sorted(twice))}")

    @classmethod
    def of(cls, files: tuple[Path, ...], **options: Any) -> Self:  # noqa: ANN401 - as click has them
        """From the options of the command. Raises ``ValueError`` for what cannot be."""
        thresholds = _points("threshold", options.pop("thresholds"))
        rates = _points("rate", options.pop("rates"))
        if not rates and not thresholds:
            rates = [Point("rate", value) for value in RATES]
        reader = {name: options.pop(f"reader_{name}") for name in ("url", "model", "key_file")}
        return cls(
            files=files,
            chains=tuple(dict.fromkeys(options.pop("chains"))) or (DEFAULT,),
            points=(*rates, *thresholds),
            against=_names(options.pop("against")),
            reader=ReaderChoice(kind=options.pop("reader"), **reader),
            **options,
        )


def evaluated(client: Client, job: Job, settings: Settings, *, is_remote: bool) -> int:
    """Print the table, and write all to the output. Gives how many results of chains are no good.

    Those are empty, or longer than what was given. ``settings`` are those of this process. Raises
    ``ValueError``, ``OSError``, ``CompressionError`` and ``CondenseryError``.
    """
    counter = _counter(settings, job.tokenizer)
    chains = [ChainMethod.of(client, name, tokenizer=counter.name) for name in job.chains]
    told = None if is_remote else _told(settings) | {"service": digest(*_CHAINS_ARE_MADE_BY)}
    ours = [
        Contestant.chain(chain, provenance.of_chain(client, chain, told), at_once=job.at_once)
        for chain in chains
    ]
    # Each with an encoder of its own: what that remembers would make the next one look fast.
    others = [
        Contestant.other(method, provenance.of_baseline(method.name))
        for name in job.against
        for method in baselines([name], counter)
    ]
    is_ours = job.reader.kind == "extractive"
    evaluation = Evaluation(
        points=job.points,
        counter=counter,
        # Another machine's device is none of ours.
        reader=job.reader.load("cpu" if is_remote else client.info().device),
        folder=job.output / "outcomes",
        deciding=provenance.of_measures() | (provenance.of_reader() if is_ours else {}),
        limit=job.limit,
    )
    results = {
        set_name(file): evaluation.run(file, ours[0], [*ours[1:], *others]) for file in job.files
    }
    show(summed(results), job.output)
    return no_good(results.values(), [chain.name for chain in chains])


def show(report: Report, folder: Path) -> None:
    """Print a report, and write it as JSON and CSV, and its curves.

    Raises ``OSError``, and without matplotlib, after all but the curves, ``Unavailable``.
    """
    from evaluation.plots import curves

    folder.mkdir(parents=True, exist_ok=True)
    write_json(report, folder / "results.json")
    write_csv(report, folder / "results.csv")
    for line in table(report):
        click.echo(line)
    try:
        curves(report, folder)
    except ImportError as error:
        raise Unavailable(f"no curves: {error}") from error


def no_good(results: Iterable[Outcomes], methods: Sequence[str]) -> int:
    """How many outcomes of the methods are empty or longer than what was given."""
    return sum(
        outcome.empty or outcome.longer
        for points in results
        for block in points.values()
        for method in methods
        for outcome in block[method]
    )


def _points(kind: Any, text: str) -> list[Point]:  # noqa: ANN401 - the literals of a point
    try:
        values = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ValueError(f"{kind}s must be numbers with commas, are {text!r}") from error
    return [Point(kind, value) for value in dict.fromkeys(values)]


def _names(against: str | None) -> tuple[str, ...]:
    if against is None:
        return USUAL
    if against in {"all", "none"}:
        return NAMES if against == "all" else ()
    names = tuple(dict.fromkeys(name.strip() for name in against.split(",")))
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"no method {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return names


def _counter(settings: Settings, name: str | None) -> Counter:
    counters = load_counters(settings.tokenizers, settings.default_tokenizer)
    wanted = name or settings.default_tokenizer
    if wanted not in counters:
        raise ValueError(f"unknown tokenizer: {wanted!r}; known: {', '.join(counters)}")
    return counters[wanted]


def _told(settings: Settings) -> dict[str, str]:
    """What is not as usual, and may decide something."""
    usual = Settings()
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {name: repr(value) for name, value in values.items() if value != getattr(usual, name)}
