"""What is left whole that must not be cut: ``python -m benchmarks.structures``.

LLMLingua-2 as the package llmlingua 0.2.2 has it, and here, on one checkpoint at one rate; cutting
a text off at the budget; and the bundled EXIT. The checkpoint is that of
`benchmarks.llmlingua_speed`, MiniLM with a head of random weights: which words it likes is
arbitrary, what comes apart by that is not. ``with digits`` is the package told to keep them, by
its ``force_reserve_digit``.

``json``: objects of 75 keys (`lost_in_the_middle/kv_75keys`), of which what is left parses or not.
``rows``: those of tables in pages (`leval/natural_question`), of what begins a row in the result.
``figures``: quantities, dates and citations in papers (`covid_qa`), of those whose number, if it
stands once in its paper, is in the result. White space and case do not count.

The second table is what it costs to look for all this, in microseconds for 1,000 characters.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import click

from benchmarks.llmlingua_peer import encoding, package, undisturbed
from benchmarks.llmlingua_shapes import SHAPES
from benchmarks.llmlingua_speed import Ours, Theirs, ours
from benchmarks.pairs import machine, paired
from compressors.budget import Budget, share_of
from compressors.engine import Engine, EngineSettings
from compressors.exit import Exit
from compressors.models.embedded import EmbeddedModel
from compressors.models.token_classifier import Checkpoint
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from compressors.words import Words
from service.tokenizers import TiktokenCounter
from training.data import rows

Way = Callable[[Sequence[str]], str]

_CHARS: Final = 10_000
"""Characters that are read of a page or a paper."""
_ROW: Final = re.compile(r"<tr>(?:(?!</?table>).)*?</tr>")
_FIGURE: Final = re.compile(
    r"(?<![\w.,/:-])(\d[\d.,]*) (?:km|mg|kg|ml|million|percent|%|years|days|hours|weeks)(?!\w)"
    r"|(?:January|February|March|April|June|December) (\d{1,2}), \d{4}"
    r"|\[(\d+)\]|\([A-Z][a-z]+ et al\.,? (\d{4})\)"
)


@dataclass(frozen=True, slots=True)
class Whole:
    """How many of those that are in a result in part are in it whole."""

    whole: int
    seen: int

    def __str__(self) -> str:
        return f"{self.whole:6}/{self.seen:<5}" if self.seen else f"{'-':>6}{'':6}"

    def __add__(self, other: Whole) -> Whole:
        return Whole(self.whole + other.whole, self.seen + other.seen)


def json_left(_: str, result: str) -> Whole:
    """Whether the result is JSON that holds something."""
    try:
        return Whole(int(bool(json.loads(result))), 1)
    except ValueError:
        return Whole(0, 1)


def rows_left(text: str, result: str) -> Whole:
    """Rows of tables in the result, and beginnings of rows."""
    bare = _bare(result)
    whole = sum(bare.count(row) for row in {match[0] for match in _ROW.finditer(_bare(text))})
    return Whole(whole, max(whole, bare.count("<tr>")))


def figures_left(text: str, result: str) -> Whole:
    """Figures in the result, and numbers of figures."""
    bare, whole, seen = _bare(result), 0, 0
    for match in _FIGURE.finditer(text):
        number = next(filter(None, match.groups())).rstrip(".,")
        exactly = re.compile(rf"(?<![\d.,]){re.escape(number)}(?![\d.,]*\d)")
        if len(exactly.findall(text)) == 1 and exactly.search(result):
            seen += 1
            whole += _bare(match[0]) in bare
    return Whole(whole, seen)


def _bare(text: str) -> str:
    return "".join(text.lower().split())


CHECKS: Final = {"json": json_left, "rows": rows_left, "figures": figures_left}


def texts(name: str, count: int) -> list[str]:
    """Real texts with what is checked under this name."""
    if name == "json":
        found = islice(rows("lost_in_the_middle/kv_75keys"), count)
        return [json.dumps(dict(row["ordered_kv_records"])) for row in found]
    if name == "rows":
        pages = [row["document"] for row in islice(rows("leval/natural_question"), count)]
        return [page[page.find("<Table>") :][:_CHARS] for page in pages]
    return [row["text"][:_CHARS] for row in islice(rows("covid_qa/articles"), count)]


@dataclass(frozen=True, slots=True)
class CutOff:
    """The beginning of a text, as much as the budget allows."""

    budget: Budget
    rate: float

    def __call__(self, given: Sequence[str]) -> str:
        (text,) = given
        starts = self.budget.counter.starts(text)
        return text[: starts[share_of(len(starts), self.rate)]]


@dataclass(frozen=True, slots=True)
class WithDigits:
    """The package, told to keep digits."""

    theirs: Theirs

    def __call__(self, given: Sequence[str]) -> str:
        result = self.theirs.peer.compress_prompt_llmlingua2(
            list(given), rate=self.theirs.rate, force_reserve_digit=True
        )
        return str(result["compressed_prompt"])


def ways(theirs: Theirs, own: Ours, rate: float) -> Iterator[tuple[str, Way]]:
    """What is compared."""
    budget = Budget(TiktokenCounter("small", own.counting))
    exit_ = Exit(EmbeddedModel.load().sentences, StructuredSegmenter(RuleSegmenter()), "embedded")
    yield "cut off", CutOff(budget, rate)
    yield "package", theirs
    yield "with digits", WithDigits(theirs)
    yield "llmlingua2", own
    yield "exit", Ours(exit_, own.counting, rate)


def left_whole(compared: Sequence[tuple[str, Way]], count: int) -> None:
    """Print how much each way leaves whole."""
    click.echo(f"{'whole of seen':16}" + "".join(f"{name:>14}" for name in CHECKS))
    for name, way in compared:
        totals = [
            sum((check(text, way([text])) for text in texts(kind, count)), Whole(0, 0))
            for kind, check in CHECKS.items()
        ]
        click.echo(f"{name:16}" + "".join(f"{total!s:>14}" for total in totals))


def costs(count: int, rounds: int) -> None:
    """Print what structures cost the segmentation, and what words cost."""
    prose = [row["text"] for row in islice(rows("squad/paragraphs"), 20 * count)]
    plain, structured = RuleSegmenter(), StructuredSegmenter(RuleSegmenter())
    click.echo(f"\n{'µs a 1,000 chars':20}{'rules':>10}{'structured':>12}{'words':>10}")
    for name, given in {"prose": prose, **{n: texts(n, count) for n in CHECKS}}.items():
        pairs = paired(
            partial(_each, plain.spans, given), partial(_each, structured.spans, given), rounds
        )
        words = paired(partial(_each, _words, given), partial(_each, _words, given), rounds)
        scale = 1e9 / sum(map(len, given))
        click.echo(
            f"{name:20}{min(pairs.theirs) * scale:10.1f}{min(pairs.ours) * scale:12.1f}"
            f"{min(words.ours) * scale:10.1f}"
        )


def _each(function: Callable[[str], object], given: Sequence[str]) -> None:
    for text in given:
        function(text)


def _words(text: str) -> object:
    return Words.of(text).within([(0, len(text))])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=0.5)
    parser.add_argument("--texts", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    click.echo(f"{machine()}; rate {arguments.rate}, {arguments.texts} texts of each kind")
    counting = encoding()
    with (
        tempfile.TemporaryDirectory() as folder,
        undisturbed(),
        Engine(EngineSettings.for_device("cpu")) as engine,
    ):
        path = SHAPES["minilm"](Path(folder), [])
        theirs = Theirs(package(path, counting), arguments.rate)
        checkpoint = Checkpoint.load(str(path), device="cpu", dtype="float32")
        own = ours(checkpoint, engine, counting, arguments.rate)["span"]
        left_whole(list(ways(theirs, own, arguments.rate)), arguments.texts)
    costs(arguments.texts, arguments.rounds)


if __name__ == "__main__":
    main()
