"""Real requests: questions of the held-out sets, with the passages that were found for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, Final

from benchmarks.heldout import SETS
from condensery.v1 import compression_pb2 as pb

Row = Mapping[str, Any]
CountTokens = Callable[[Sequence[str]], Sequence[int]]

SOURCES: Final[Mapping[int, str]] = MappingProxyType({5: "squad10", 10: "hotpotqa", 20: "nq20"})
"""Where requests of at most so many passages come from: the first ones of the row."""
_SHORT: Final = 160
"""Characters of a passage where the traffic counts and not the model."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, and what it costs: the tokens of its documents, as the server counts them."""

    id: str
    message: pb.CompressRequest
    tokens: int

    @property
    def passages(self) -> int:
        return len(self.message.documents)


def mixed(
    count: int, *, passages: Sequence[int], seed: int, count_tokens: CountTokens
) -> tuple[Sent, ...]:
    """So many different requests, of each number of passages about as many.

    The first ones are the same whatever the count. Raises ``ValueError`` if there are not enough.
    """
    columns = [_of(number, seed, count_tokens) for number in passages]
    found = tuple(islice((one for row in zip(*columns, strict=False) for one in row), count))
    if len(found) < count:
        raise ValueError(f"there are {len(found)} different requests, not {count}")
    return found


def of_size(tokens: int, count: int, *, seed: int, count_tokens: CountTokens) -> tuple[Sent, ...]:
    """Requests of passages of SQuAD with about so many tokens together, each in another order."""
    rows = SETS["squad10"]()
    passages = list({one["text"]: one for row in rows for one in row["documents"]}.values())
    sizes = count_tokens([one["text"] for one in passages])
    made = []
    for number in range(count):
        dice = random.Random(f"{seed} {number}")  # noqa: S311 - reproducible, not secret
        order = dice.sample(range(len(passages)), len(passages))
        taken, total = [], 0
        while total < tokens and order:
            index = order.pop()
            taken.append(passages[index])
            total += sizes[index]
        message = _message(dice.choice(rows)["query"], taken)
        made.append(Sent(f"{tokens}-{number}", message, total))
    return tuple(made)


def short(count: int, *, seed: int, count_tokens: CountTokens) -> Iterator[Sent]:
    """So many different requests of one short passage each, made as they are asked for."""
    rows = SETS["squad10"]()
    queries = [row["query"] for row in rows]
    texts = list({one["text"][:_SHORT]: one for row in rows for one in row["documents"]}.values())
    sizes = count_tokens([one["text"][:_SHORT] for one in texts])
    random.Random(seed).shuffle(queries)  # noqa: S311 - reproducible, not secret
    for number in range(count):
        # Every pair of a query and a text once, before any comes again.
        turn, query = divmod(number, len(queries))
        index = (turn + query) % len(texts)
        passage = {**texts[index], "text": texts[index]["text"][:_SHORT]}
        yield Sent(str(number), _message(queries[query], [passage]), sizes[index])


def shuffled_for_ever(pool: Sequence[Sent], *, seed: int) -> Iterator[Sent]:
    """The pool in one order after another."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return chain.from_iterable(iter(lambda: dice.sample(pool, len(pool)), None))


def _of(passages: int, seed: int, count_tokens: CountTokens) -> Iterator[Sent]:
    source = next((name for most, name in SOURCES.items() if passages <= most), None)
    if source is None:
        raise ValueError(f"no row has {passages} passages")
    rows = SETS[source]()
    random.Random(seed).shuffle(rows)  # noqa: S311 - reproducible, not secret
    for row in rows:
        documents = row["documents"][:passages]
        if len(documents) == passages:
            tokens = sum(count_tokens([one["text"] for one in documents]))
            yield Sent(f"{passages}-{row['id']}", _message(row["query"], documents), tokens)


def _message(query: str, documents: Sequence[Row]) -> pb.CompressRequest:
    return pb.CompressRequest(
        query=query,
        documents=[
            pb.Document(id=str(number), title=one["title"] or "", text=one["text"])
            for number, one in enumerate(documents, 1)
        ],
    )
