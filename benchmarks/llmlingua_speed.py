"""LLMLingua-2 beside the package llmlingua: ``python -m benchmarks.llmlingua_speed``.

The same checkpoint, passages, rate and threads on both sides, in turns; from texts to text, with
the tokens counted by one encoding. The peer is the package as it is on PyPI (0.2.2), through
``compress_prompt_llmlingua2``, whose document filter is off: `compress_prompt` has it on and reads
what stays twice, so it is slower still. Its weights are float32 on any device: with bfloat16 it
fails. Ours are in ``--dtype``.

The checkpoint is made here: MiniLM's own encoder and tokenizer with a head of random weights, or
random weights in the shape of XLM-R large with a tokenizer trained on the passages. The weights do
not change what the work costs. Passages are paragraphs of SQuAD (of the shared data), joined and
cut to a log-normal length, like the rows of `benchmarks.batching`: 67 words in the median, 8 to
700. On a GPU: ``--device cuda --shape xlm-r-large --dtype bfloat16``.

``tokenizing`` is all that makes tokens, and counts them; ``model`` is the forward pass; ``host`` is
the rest, with what our rows wait for the engine's thread. The seconds of the parts are from one
pass of their own.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.llmlingua_peer import CORPUS, encoding, package, undisturbed
from benchmarks.llmlingua_shapes import SHAPES
from benchmarks.pairs import machine, paired
from compressors.budget import Budget, share_of
from compressors.engine import Engine, EngineSettings
from compressors.llmlingua2 import Llmlingua2
from compressors.llmlingua2_parity import Llmlingua2Parity
from compressors.models.package_classifier import PackageClassifier
from compressors.models.token_classifier import Checkpoint, TokenClassifier
from compressors.parity.values import ParityOptions
from compressors.protocols import Compressor
from compressors.values import Context, Document
from compressors.work import Work
from service.counting import RememberingCounter
from service.tokenizers import TiktokenCounter
from training.data import rows

if TYPE_CHECKING:
    from llmlingua import PromptCompressor
    from tiktoken import Encoding


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the seconds of one pass went."""

    tokenizing: float
    model: float
    host: float

    def __str__(self) -> str:
        return f"{self.tokenizing:12.3f}{self.model:10.3f}{self.host:10.3f}"


def passages(count: int, seed: int) -> list[str]:
    """Texts of mixed length; the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - a benchmark
    words = _words(dice, 2 * count)
    lengths = [min(700, max(8, round(dice.lognormvariate(4.2, 0.85)))) for _ in range(count)]
    starts = [dice.randrange(max(1, len(words) - length)) for length in lengths]
    return [" ".join(words[a : a + n]) for a, n in zip(starts, lengths, strict=True)]


def _words(dice: random.Random, paragraphs: int) -> list[str]:
    try:
        return " ".join(row["text"] for row in islice(rows("squad/paragraphs"), paragraphs)).split()
    except FileNotFoundError:
        # On a lent machine; a few sentences, shuffled, cost what any others do.
        return dice.choices(" ".join(CORPUS).split(), k=120 * paragraphs)


@dataclass(frozen=True, slots=True)
class Ours:
    """A stage with a budget, as the service runs it."""

    stage: Compressor
    counting: Encoding
    rate: float

    def __call__(self, texts: Sequence[str]) -> str:
        # One counter for each request, as in the service.
        counter = RememberingCounter(TiktokenCounter("small", self.counting))
        budget = Budget(counter)
        context = Context.of("", [Document(str(i), text) for i, text in enumerate(texts)])
        limit = share_of(budget.count(context.text), self.rate)
        text = self.stage.compress(context, budget.limited_to(limit)).text
        budget.count(text)
        return text

    def parts(self, texts: Sequence[str]) -> Parts:
        start = time.perf_counter()
        with Work().active() as work:
            self(texts)
        spent = work.seconds
        elapsed = time.perf_counter() - start
        host = elapsed - spent.tokenizing - spent.computing
        return Parts(spent.tokenizing, spent.computing, host)


@dataclass(frozen=True, slots=True)
class Theirs:
    """The package."""

    peer: PromptCompressor
    rate: float

    def __call__(self, texts: Sequence[str]) -> str:
        result = self.peer.compress_prompt_llmlingua2(list(texts), rate=self.rate)
        return str(result["compressed_prompt"])

    def parts(self, texts: Sequence[str]) -> Parts:
        """Its own calls of tokenizers and model, with a clock around them."""
        peer, clocks = self.peer, {"tokenizing": 0.0, "model": 0.0}
        own = peer.model, peer.oai_tokenizer, peer.tokenizer
        device = str(peer.device)
        peer.model = _Timed(own[0], "model", clocks, device)
        peer.oai_tokenizer = _Timed(own[1], "tokenizing", clocks)
        peer.tokenizer = _Timed(own[2], "tokenizing", clocks)
        start = time.perf_counter()
        self(texts)
        elapsed = time.perf_counter() - start
        peer.model, peer.oai_tokenizer, peer.tokenizer = own
        return Parts(**clocks, host=elapsed - sum(clocks.values()))


class _Timed:
    """An object whose calls, and those of its methods, are timed."""

    def __init__(self, of: Any, name: str, clocks: dict[str, float], device: str = "cpu") -> None:  # noqa: ANN401 - the peer's
        self._of, self._name, self._clocks, self._device = of, name, clocks, device

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        return self._clocked(self._of)(*arguments, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        found = getattr(self._of, name)
        return self._clocked(found) if callable(found) else found

    def _clocked(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            start = time.perf_counter()
            result = function(*arguments, **named)
            if self._device.startswith("cuda"):
                import torch

                torch.cuda.synchronize()
            self._clocks[self._name] += time.perf_counter() - start
            return result

        return run


def ours(
    checkpoint: Checkpoint, engine: Engine, counting: Encoding, rate: float
) -> dict[str, Ours]:
    """Both modes on one copy of the checkpoint, which the engine runs, as in the service."""
    forward = engine.wrap(checkpoint.forward(), name="llmlingua2")
    words = TokenClassifier.of(checkpoint, forward)
    model = PackageClassifier.of(checkpoint, forward)
    stages: dict[str, Compressor] = {
        "span": Llmlingua2(words, "checkpoint"),
        "parity": Llmlingua2Parity(model, "checkpoint", ParityOptions(rate=rate)),
    }
    return {name: Ours(stage, counting, rate) for name, stage in stages.items()}


def table(theirs: Theirs, ways: dict[str, Ours], count: int, rounds: int) -> None:
    """Print the seconds of each way for so many passages."""
    texts = passages(count, seed=count)
    words = sum(len(text.split()) for text in texts)
    click.echo(f"\n{count} passages, {words:,} words, rate {theirs.rate}")
    click.echo(f"{'':10}{'package':>11}{'ours':>11}{'':10}  {'spread':14}words a second")
    for name, way in ways.items():
        pairs = paired(partial(theirs, texts), partial(way, texts), rounds)
        speed = words / sorted(pairs.ours)[rounds // 2]
        click.echo(f"{name:10}{pairs!s:46}{speed:12,.0f}")
    click.echo(f"{'seconds of':16}{'tokenizing':>12}{'model':>10}{'host':>10}")
    for label, parts in (
        ("package", theirs.parts(texts)),
        *((n, w.parts(texts)) for n, w in ways.items()),
    ):
        click.echo(f"{label:16}{parts}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, nargs="*", default=[20, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.33)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="minilm")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", help="of our side")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    counting = encoding()
    with tempfile.TemporaryDirectory() as folder, undisturbed():
        saved = SHAPES[arguments.shape](Path(folder), passages(400, seed=1))
        theirs = Theirs(package(saved, counting, arguments.device), arguments.rate)
        loaded = Checkpoint.load(str(saved), device=arguments.device, dtype=arguments.dtype)
        click.echo(f"{machine(arguments.device)}; {arguments.shape}, ours in {arguments.dtype}")
        with Engine(EngineSettings.for_device(arguments.device)) as engine:
            ways = ours(loaded, engine, counting, arguments.rate)
            for count in arguments.passages:
                table(theirs, ways, count, arguments.rounds)


if __name__ == "__main__":
    main()
