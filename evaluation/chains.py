"""A chain of a server as a method, with budgets or by thresholds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from condensery import Client, Compression, Document, Stage
from evaluation.values import Example, Kept, Shortened

_BY_THRESHOLD: Final = "exit"
"""The stage that chooses by a threshold where there is no budget."""


@dataclass(frozen=True, slots=True)
class ChainMethod:
    """A ``Method``: one request for each budget, safe to use from several threads.

    ``tokenizer`` must be the server's name for what the evaluation counts with. A stage that
    fails, fails the request. Raises ``CondenseryError``.
    """

    client: Client
    chain: str
    stages: tuple[str, ...]
    tokenizer: str

    @classmethod
    def of(cls, client: Client, chain: str, *, tokenizer: str) -> Self:
        """Raises ``ValueError`` for a chain, or a tokenizer, that the server does not have."""
        info = client.info()
        if chain not in info.chains:
            raise ValueError(f"unknown chain: {chain!r}; known: {', '.join(info.chains)}")
        if tokenizer not in info.tokenizers:
            known = ", ".join(info.tokenizers)
            raise ValueError(f"the server has no tokenizer {tokenizer!r}; it has {known}")
        return cls(client, chain, tuple(info.chains[chain]), tokenizer)

    @property
    def name(self) -> str:
        return f"condensery:{self.chain}"

    def shorten(self, example: Example, budgets: Sequence[int]) -> Sequence[Shortened]:
        return [self._kept(example, self.chain, None, budget) for budget in budgets]

    def at_thresholds(self, example: Example, thresholds: Sequence[float]) -> Sequence[Shortened]:
        """What is left without a budget, once for each threshold of the stage ``exit``.

        Raises ``ValueError`` for a chain without it.
        """
        if _BY_THRESHOLD not in self.stages:
            raise ValueError(
                f"the chain {self.chain} has no stage {_BY_THRESHOLD}, which thresholds are for"
            )
        return [self._kept(example, None, self._stages(each), None) for each in thresholds]

    def _stages(self, threshold: float) -> list[Stage]:
        options = {_BY_THRESHOLD: {"threshold": threshold}}
        return [Stage(name, options=options.get(name, {})) for name in self.stages]

    def _kept(
        self,
        example: Example,
        chain: str | None,
        stages: Sequence[Stage] | None,
        max_tokens: int | None,
    ) -> Shortened:
        return kept(
            self.client.compress(
                example.query,
                [
                    Document(str(index), one.text, one.title)
                    for index, one in enumerate(example.documents)
                ],
                chain=chain,
                stages=stages,
                max_tokens=max_tokens,
                tokenizer=self.tokenizer,
                on_failure="error",
            )
        )


def kept(result: Compression) -> Shortened:
    """What a result leaves, where the ids of its documents are their places in the example.

    A summary counts as left of the first document that it was written from, which then has no
    spans.
    """
    spans = {
        int(one.id): (one.text, tuple((span.start, span.end) for span in one.spans))
        for one in result.documents
        if one.spans
    }
    written: dict[int, list[str]] = defaultdict(list)
    for summary in result.summaries:
        if summary.text:
            written[min(int(source.document_id) for source in summary.sources)].append(summary.text)
    return tuple(
        Kept(at, "\n\n".join([*written[at], *([spans[at][0]] if at in spans else [])]), None)
        if at in written
        else Kept(at, *spans[at])
        for at in sorted({*spans, *written})
    )
