"""Prompts that begin alike as one row: what they share, and what each goes on with.

Source: spec/exit.md 1.6. What is shared is the longest common prefix of token ids of the prompts
themselves, not of their texts, so that every token is the one that the model would get alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from compressors.protocols import Encoded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Branched(Encoded):
    """A prefix, ``ids``, and what comes behind it in each of several prompts.

    No branch is empty. The length is what a model has to read: the prefix once, every branch.
    """

    branches: tuple[tuple[int, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.ids) + sum(map(len, self.branches))

    @property
    def prompts(self) -> list[tuple[int, ...]]:
        """Every prompt as a model would read it alone."""
        return [self.ids + branch for branch in self.branches]

    @property
    def apart(self) -> list[Branched]:
        """The same prompts, each as a row of its own."""
        return [replace(self, branches=(branch,)) for branch in self.branches]


class Shared:
    """Prompts, ``[tokens]`` and not empty, that come one after the other: as one row.

    The prefix is as long as can be. No prompt but the first is held whole.
    """

    def __init__(self, prompt: Ids) -> None:
        # The last token of a prompt is where the model answers, so it is never shared.
        self._prefix = prompt[:-1]
        self._tails = [prompt[-1:]]

    @property
    def row(self) -> Branched:
        tails = tuple(tuple(tail.tolist()) for tail in self._tails)
        return Branched(tuple(self._prefix.tolist()), branches=tails)

    def __len__(self) -> int:
        return len(self._prefix) + sum(map(len, self._tails))

    def add(self, prompt: Ids) -> None:
        import numpy as np

        common = common_length(self._prefix, prompt[:-1])
        if common < len(self._prefix):
            cut = self._prefix[common:]
            self._tails = [np.concatenate((cut, tail)) for tail in self._tails]
            self._prefix = self._prefix[:common]
        self._tails.append(prompt[common:])


def common_length(one: Ids, other: Ids) -> int:
    """How many ids two prompts have in common from the first on."""
    import numpy as np

    size = min(len(one), len(other))
    different = np.flatnonzero(one[:size] != other[:size])
    return int(different[0]) if len(different) else size


@dataclass(frozen=True, slots=True)
class Part:
    """Some branches of a row that are read in one step.

    ``row`` is the row's index, ``first`` and ``last`` bound its branches. The prefix is read in
    the row's first part; ``kept`` says whether other parts will need it.
    """

    row: int
    first: int
    last: int
    kept: bool

    @property
    def reads_prefix(self) -> bool:
        return self.first == 0


def steps(rows: Sequence[Branched], max_tokens: int) -> Iterator[list[Part]]:
    """What a model reads at once: whole rows that fit together, or a part of one that does not.

    A step has at most ``max_tokens`` tokens, unless a prefix with its first branch, or a branch,
    has more by itself. Every prefix and every branch is read once.
    """
    step: list[Part] = []
    tokens = 0
    for index, row in enumerate(rows):
        if step and tokens + len(row) > max_tokens:
            yield step
            step, tokens = [], 0
        if len(row) > max_tokens:
            yield from ([part] for part in _parts(index, row, max_tokens))
            continue
        step.append(Part(index, 0, len(row.branches), kept=False))
        tokens += len(row)
    if step:
        yield step


def _parts(index: int, row: Branched, max_tokens: int) -> Iterator[Part]:
    first, tokens = 0, len(row.ids)
    for place, branch in enumerate(row.branches):
        if place > first and tokens + len(branch) > max_tokens:
            yield Part(index, first, place, kept=True)
            first, tokens = place, 0
        tokens += len(branch)
    yield Part(index, first, len(row.branches), kept=first > 0)
