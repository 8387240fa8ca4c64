"""EXIT on a causal LM, the authors' way and ours: ``python -m benchmarks.exit_speed``.

Both sides have the same weights (random), texts and threads, begin with texts and end with scores;
they take turns. Ours runs behind the engine, as in the service. The reference is described in
``benchmarks/exit_peer.py``. Tokens are those that a model reads, padding included. Peak memory is
what a side takes beyond its loaded model, each in a process of its own.

``--shape gemma-2b --device cuda --dtype bfloat16`` is the paper's model by its sizes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import click

from benchmarks.exit_peer import QUERY, SHAPES, Reference, document, tokenizer
from benchmarks.pairs import machine, paired
from compressors.engine import Engine, EngineSettings, limit_threads
from compressors.models.causal_lm import CausalLmScorer
from compressors.models.exit.prompt import END, START, PromptTokenizer
from compressors.models.exit.rows import Rows
from compressors.models.exit.sharing import forward_of
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Encoded, Forward, Pieces, SentenceScorer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_TOKENS: Final = 4096
MARGIN: Final = 5e-3


@dataclass(frozen=True, slots=True)
class Case:
    """Documents of one request."""

    name: str
    tokens: int
    sentences: int
    documents: int = 1

    def made(self, counter: PreTrainedTokenizerFast) -> list[Pieces]:
        return [
            document(self.tokens, self.sentences, seed, counter)
            for seed in range(1, self.documents + 1)
        ]


WARM: Final = Case("warm", 20, 1)
"""What loads whatever is loaded late, and takes next to nothing."""
CASES: Final = (
    Case("150", 150, 5),
    Case("700", 700, 25),
    Case("2000", 2_000, 70),
    Case("5x150", 150, 5, documents=5),
    Case("5x700", 700, 25, documents=5),
)


class Counting:
    """A ``Forward`` that runs another and counts the tokens of its rows."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self.tokens = 0

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[object]:
        self.tokens += sum(map(len, batch))
        return self._forward(batch)


@dataclass(frozen=True, slots=True)
class Setting:
    """What both sides run with."""

    shape: str
    device: str
    dtype: str
    counter: PreTrainedTokenizerFast

    def reference(self) -> Reference:
        return Reference(SHAPES[self.shape].model(self.device, self.dtype), self.counter)

    @contextmanager
    def ours(self, counting: Callable[[Forward], Forward]) -> Iterator[SentenceScorer]:
        """The product's scorer, behind an engine; ``counting`` sees the rows."""
        model = SHAPES[self.shape].model(self.device, self.dtype)
        vocabulary = Vocabulary.of(self.counter, controls=(START, END))
        prompts = PromptTokenizer(vocabulary)
        answers = (prompts.answer("Yes")[0], prompts.answer("No")[0])
        forward = forward_of(
            model, answers, vocabulary.padding, name=self.shape, longest=MAX_TOKENS
        )
        with Engine(EngineSettings.for_device(self.device)) as engine:
            wrapped = engine.wrap(counting(forward), name="exit")
            yield CausalLmScorer(wrapped, Rows(prompts, MAX_TOKENS, shared=forward.shares))


def compare(setting: Setting, cases: Sequence[Case], rounds: int) -> None:
    reference = setting.reference()
    counts: list[Counting] = []

    def counting(forward: Forward) -> Forward:
        counts.append(Counting(forward))
        return counts[-1]

    click.echo(
        f"{'documents':12}{'sentences':>10}{'theirs':>14}{'ours':>12}{'ratio':>8}  "
        f"{'[rounds]':14}{'tokens':>10}{'ours':>8}{'max |dp|':>10}{'flips':>7}"
    )
    with setting.ours(counting) as ours:
        for case in cases:
            documents = case.made(setting.counter)
            before = counts[0].tokens
            found = [score for row in ours.score(QUERY, documents) for score in row]
            read = counts[0].tokens - before
            wanted = [score for row in reference.score(QUERY, documents) for score in row]
            times = paired(
                lambda documents=documents: reference.score(QUERY, documents),  # type: ignore[misc] # mypy knows no defaults of lambdas
                lambda documents=documents: ours.score(QUERY, documents),  # type: ignore[misc] # as above
                rounds,
            )
            click.echo(
                f"{case.name:12}{len(found):10}  {times}"
                f"{reference.tokens(QUERY, documents):10,}{read:8,}"
                f"{max(abs(a - b) for a, b in zip(wanted, found, strict=True)):10.1e}"
                f"{flips(wanted, found):7}"
            )
    click.echo(f"flips: decisions at the median that differ, of scores {MARGIN} and more from it")


def flips(wanted: Sequence[float], found: Sequence[float]) -> int:
    # Random weights have no opinion: the threshold is where half of the sentences stay.
    threshold = median(wanted)
    return sum(
        (one >= threshold) != (other >= threshold)
        for one, other in zip(wanted, found, strict=True)
        if abs(one - threshold) > MARGIN
    )


def memory(setting: Setting, side: str, case: Case) -> float:
    """MiB that one side takes beyond its loaded model, in this process."""
    small, documents = WARM.made(setting.counter), case.made(setting.counter)

    def high_water(scorer: SentenceScorer) -> float:
        scorer.score(QUERY, small)
        before = _resident(setting.device, reset=True)
        scorer.score(QUERY, documents)
        return (_resident(setting.device) - before) / 2**20

    if side == "theirs":
        return high_water(setting.reference())
    with setting.ours(lambda forward: forward) as ours:
        return high_water(ours)


def _resident(device: str, *, reset: bool = False) -> int:
    """The most bytes held since the last reset; of the GPU where there is one."""
    if device.startswith("cuda"):
        import torch

        if reset:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated()
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024


def memories(arguments: argparse.Namespace, cases: Sequence[Case]) -> None:
    click.echo(f"\n{'peak memory':12}{'theirs':>14}{'ours':>12}{'ratio':>8}")
    for case in cases:
        found = [_in_a_process(arguments, side, case) for side in ("theirs", "ours")]
        ratio = found[0] / max(found[1], 1.0)
        click.echo(f"{case.name:12}{found[0]:10,.0f} MiB{found[1]:8,.0f} MiB{ratio:7.1f}x")


def _in_a_process(arguments: argparse.Namespace, side: str, case: Case) -> float:
    command = [sys.executable, "-m", "benchmarks.exit_speed", "--side", side, "--cases", case.name]
    for name in ("shape", "device", "dtype", "threads"):
        command += [f"--{name}", str(getattr(arguments, name))]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    return float(ran.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", default="150,700,2000", help="of 150,700,2000,5x150,5x700")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--side", choices=("theirs", "ours"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    limit_threads(os.environ, arguments.threads)
    cases = [case for case in CASES if case.name in arguments.cases.split(",")]
    setting = Setting(arguments.shape, arguments.device, arguments.dtype, tokenizer())
    if arguments.side:
        click.echo(memory(setting, arguments.side, cases[0]))
        return
    click.echo(f"{machine(arguments.device)}; {arguments.shape}: {SHAPES[arguments.shape]}\n")
    compare(setting, cases, arguments.rounds)
    if not arguments.no_memory:
        memories(arguments, cases)


if __name__ == "__main__":
    main()
