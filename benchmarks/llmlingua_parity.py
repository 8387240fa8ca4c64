"""Whether parity mode decides as the package does: ``python -m benchmarks.llmlingua_parity``.

Random cases over both families of tokenizers and all arguments, with a model in whose place
integers are hashed, so that both sides see the same probabilities to the last bit. Compared are the
ids and masks that the model sees, the texts, the labels of all words, and the counts.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from benchmarks.llmlingua_cases import Case, cases
from benchmarks.llmlingua_peer import (
    FAMILIES,
    TiktokenCounts,
    checkpoint,
    encoding,
    package,
    undisturbed,
)
from compressors.errors import InvalidInput
from compressors.models.package_classifier import PackageClassifier
from compressors.parity.decisions import decide
from compressors.parity.tokens import LONGEST, Family, Row
from compressors.parity.words import Counts
from compressors.protocols import Encoded

if TYPE_CHECKING:
    import numpy as np
    from llmlingua import PromptCompressor
    from numpy.typing import NDArray
    from torch import Tensor

_FAILS = (ValueError, IndexError, ZeroDivisionError)
"""What the package raises for documents without words and for percentiles that do not exist."""


@dataclass(slots=True)
class Hashed:
    """In the place of a model, for both sides: logits from token, position and seed.

    Keeps the ids and masks of every row that it was given.
    """

    seed: int = 0
    levels: int = 1
    seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)

    def logits(self, ids: Tensor) -> Tensor:
        import torch

        places = torch.arange(ids.shape[1])
        mixed = (ids * 2_654_435_761 + places * 40_503 + self.seed * 69_069 + 12_345) % (1 << 32)
        mixed = ((mixed ^ (mixed >> 15)) * 2_246_822_519) % (1 << 32)
        chosen = (mixed >> 7) % self.levels
        keep = (chosen.double() / max(1, self.levels - 1) * 8 - 4).float()
        return torch.stack([torch.zeros_like(keep), keep], dim=-1)

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        for ids, mask in zip(input_ids.tolist(), attention_mask.int().tolist(), strict=True):
            self.seen.append((tuple(ids), tuple(mask)))
        return SimpleNamespace(loss=None, logits=self.logits(input_ids))

    def forward(self, batch: Sequence[Encoded]) -> Sequence[NDArray[np.float32]]:
        """Our side's way in, with the same arithmetic on rows of the same length."""
        import torch

        ids = torch.zeros((len(batch), LONGEST), dtype=torch.long)
        for index, row in enumerate(batch):
            ids[index, : len(row)] = torch.tensor(row.ids)
            hidden = row.hidden if isinstance(row, Row) else ()
            mask = tuple(int(place not in hidden) for place in range(len(row)))
            self.seen.append((row.ids, mask))
        kept: NDArray[np.float32] = torch.softmax(self.logits(ids), dim=-1)[..., 1].numpy()
        return [kept[index, : len(row)] for index, row in enumerate(batch)]


@dataclass(frozen=True, slots=True)
class Sides:
    """The package and ours on the same tokenizer."""

    family: Family
    folder: Path
    theirs: PromptCompressor
    ours: PackageClassifier
    counts: Counts

    def compared(self, case: Case) -> Compared:
        theirs, ours = Hashed(case.seed, case.levels), Hashed(case.seed, case.levels)
        self.theirs.model = theirs
        expected = self._expected(case)
        model = PackageClassifier(self.ours.tokens, ours.forward)
        try:
            found = decide(model, case.texts, case.options, self.counts)
        except InvalidInput:
            return Compared(self.family, case, expected is None, refused=True)
        if expected is None:
            return Compared(self.family, case, same=False)
        got = {
            "compressed_prompt": found.text,
            "compressed_prompt_list": found.texts,
            "fn_labeled_original_prompt": found.labelled(),
            "origin_tokens": found.origin_tokens,
            "compressed_tokens": found.compressed_tokens,
            "ratio": found.ratio,
            "rate": found.rate,
        }
        same = all(expected[key] == value for key, value in got.items()) and _same_rows(
            theirs, ours
        )
        judged = [one for document in found.documents for one in document.judged]
        return Compared(
            self.family,
            case,
            same,
            words=sum(map(len, (one.words for one in judged))),
            parts=len(judged),
        )

    def _expected(self, case: Case) -> dict[str, Any] | None:
        try:
            result: dict[str, Any] = self.theirs.compress_prompt_llmlingua2(
                list(case.texts), return_word_label=True, **case.arguments
            )
        except _FAILS:
            return None
        return result


@dataclass(frozen=True, slots=True)
class Compared:
    """How a case came out. ``refused`` says that both fail, ours with an error of its own."""

    family: Family
    case: Case
    same: bool
    refused: bool = False
    words: int = 0
    parts: int = 0


def _same_rows(theirs: Hashed, ours: Hashed) -> bool:
    """The package pads to 512, and reads what a filter leaves a second time."""
    rows = theirs.seen[: len(ours.seen)]
    return len(rows) == len(ours.seen) and all(
        ids[: len(own)] == own and mask == (*seen, *(0,) * (LONGEST - len(seen)))
        for (ids, mask), (own, seen) in zip(rows, ours.seen, strict=True)
    )


def sides(family: Family, folder: Path) -> Sides:
    """Both on a tiny checkpoint that is saved in the folder."""
    counting = encoding()
    model = checkpoint(family, folder)
    theirs, ours = package(model, counting), PackageClassifier.load(str(model), device="cpu")
    return Sides(family, model, theirs, ours, TiktokenCounts(counting))


def compare(count: int, seed: int, families: Sequence[Sides]) -> list[Compared]:
    """So many cases, in turns over the families."""
    with undisturbed():
        return [
            families[index % len(families)].compared(case)
            for index, case in enumerate(cases(count, seed))
        ]


def summary(done: Sequence[Compared]) -> str:
    """The counts in a line."""
    differences = sum(not one.same for one in done)
    refused = sum(one.refused for one in done)
    return (
        f"parity: {len(done):,} cases, {differences} differences"
        f" ({sum(one.words for one in done):,} words; {refused} cases refused by both)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        both = [sides(family, Path(folder)) for family in FAMILIES]
        done = compare(arguments.cases, arguments.seed, both)
    groups: dict[str, list[Compared]] = {}
    for one in done:
        long = ["several parts"] if one.parts > len(one.case.texts) else []
        for name in (one.family.value, *one.case.flags, *long):
            groups.setdefault(name, []).append(one)
    click.echo(f"{'':32}{'cases':>8}{'refused':>9}{'words':>10}{'differences':>13}")
    for name, group in groups.items():
        tally = Counter(same=sum(one.same for one in group), refused=sum(o.refused for o in group))
        click.echo(
            f"{name:32}{len(group):8,}{tally['refused']:9,}{sum(o.words for o in group):10,}"
            f"{len(group) - tally['same']:13,}"
        )
    click.echo(summary(done))


if __name__ == "__main__":
    main()
