"""Callers: as many as come, or as many as wait for each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

import grpc

from benchmarks.load.answers import End, Expected, Parts, judged
from benchmarks.load.arrivals import Arrival
from benchmarks.load.requests import Sent
from condensery.v1 import compression_pb2 as pb
from condensery.v1 import compression_pb2_grpc as pb_grpc

_PUSHBACK: Final = "grpc-retry-pushback-ms"
_OPTIONS: Final = (
    # What is refused is to be seen, not tried again behind our back.
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    # Or all channels to one address would share one connection.
    ("grpc.use_local_subchannel_pool", 1),
)


def _ignore() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request. Times are in seconds after the start of its run."""

    sent: Sent
    intended: float
    started: float
    """Later than intended where the generator itself is behind."""
    ended: float
    end: End
    code: str = ""
    """The status where there was no answer."""
    pushback: float | None = None
    """After how many seconds a refusal said to come again."""
    parts: Parts | None = None
    gap: float = 0.0

    @property
    def latency(self) -> float:
        """From when it was to be sent: a generator that was held up hides no wait."""
        return self.ended - self.intended


@dataclass(frozen=True, slots=True)
class Caller:
    """Asks a server over several connections, and knows the right answers by request id."""

    stubs: Iterator[pb_grpc.CompressionServiceStub]
    expected: Mapping[str, Expected] = field(default_factory=dict)
    told: Callable[[], object] = _ignore
    """Called after every request that has come to its end."""

    async def ask(self, sent: Sent, *, start: float, intended: float, deadline: float) -> Outcome:
        """Send a request now; its deadline counts from when it was to be sent.

        ``start`` is that of the run, by ``time.monotonic``.
        """
        started = time.monotonic() - start
        call = next(self.stubs).Compress(sent.message, timeout=intended + deadline - started)
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            ended = time.monotonic() - start
            return _unanswered(error, Outcome(sent, intended, started, ended, End.FAILED))
        finally:
            self.told()
        ended = time.monotonic() - start
        end, gap = judged(sent.message, answer, self.expected.get(sent.id))
        if end is End.GOOD and ended - intended > deadline:
            end = End.LATE
        return Outcome(sent, intended, started, ended, end, parts=Parts.of(answer), gap=gap)

    async def reference(self, sent: Sent, *, deadline: float) -> Expected:
        """The answer to a request that is alone. Raises ``AioRpcError``, ``ValueError``."""
        answer: pb.CompressResponse = await next(self.stubs).Compress(
            sent.message, timeout=deadline
        )
        self.told()
        end, _ = judged(sent.message, answer, None)
        if end is not End.GOOD:
            raise ValueError(f"an idle server's answer is {end.value}: {sent.id}")
        return Expected.of(answer)


@asynccontextmanager
async def connected(target: str, channels: int) -> AsyncIterator[Caller]:
    """A caller with so many connections, used in turns."""
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(grpc.aio.insecure_channel(target, options=_OPTIONS))
            for _ in range(channels)
        ]
        await asyncio.gather(*(channel.channel_ready() for channel in opened))
        stubs = [pb_grpc.CompressionServiceStub(channel) for channel in opened]  # type: ignore[no-untyped-call]
        yield Caller(cycle(stubs))


async def open_loop(
    caller: Caller, arrivals: Sequence[Arrival], *, deadline: float
) -> tuple[Outcome, ...]:
    """Send each request when its time has come, whether or not others were answered."""
    start = time.monotonic()
    asked: list[asyncio.Task[Outcome]] = []
    for arrival in arrivals:
        await asyncio.sleep(max(0.0, start + arrival.at - time.monotonic()))
        ask = caller.ask(arrival.sent, start=start, intended=arrival.at, deadline=deadline)
        asked.append(asyncio.create_task(ask))
    return tuple(await asyncio.gather(*asked))


async def closed_loop(
    caller: Caller,
    requests: Iterator[Sent],
    *,
    clients: int,
    seconds: float,
    deadline: float = 3600.0,
) -> tuple[Outcome, ...]:
    """So many clients, each with one request at a time, until ``seconds`` are over.

    Those in flight then are waited for. Who is refused comes again when he was told to.
    """
    start = time.monotonic()
    outcomes: list[Outcome] = []

    async def keep_asking() -> None:
        while (now := time.monotonic() - start) < seconds:
            sent = next(requests, None)
            if sent is None:
                return
            outcome = await caller.ask(sent, start=start, intended=now, deadline=deadline)
            outcomes.append(outcome)
            if outcome.end is not End.GOOD:
                await asyncio.sleep(outcome.pushback or 0.0)

    await asyncio.gather(*(keep_asking() for _ in range(clients)))
    return tuple(outcomes)


def _unanswered(error: grpc.aio.AioRpcError, outcome: Outcome) -> Outcome:
    code = error.code()
    end, pushback = End.FAILED, None
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        end = End.LATE
    elif code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        found = dict(error.trailing_metadata() or ()).get(_PUSHBACK)
        pushback = None if found is None else float(found) / 1000
        # Who does not say when to come again only drops work.
        end = End.FAILED if pushback is None else End.REFUSED
    return Outcome(
        outcome.sent,
        outcome.intended,
        outcome.started,
        outcome.ended,
        end,
        code=code.name,
        pushback=pushback,
    )
