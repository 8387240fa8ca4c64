"""A server from its first breath to its last: listen, warm up, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import asdict, dataclass
from typing import Final, NoReturn

from compressors.engine import DeviceLost, EngineStats
from compressors.errors import Unavailable
from compressors.models.cache import CacheStats
from service.auth import asked_of_callers
from service.gate import Gate, Phase
from service.health import Health
from service.listening import health_server, public_server
from service.llm import load_llm
from service.logs import structured
from service.metrics import Metrics, exported
from service.observing import observed
from service.pipeline import Pipeline
from service.prompt import Template
from service.servicer import CompressionServicer
from service.settings import Settings
from service.workers import Workers

_LOG = logging.getLogger(__name__)

ENGINE_DIED: Final = 70
"""The exit status of a process whose engine is dead; EX_SOFTWARE of sysexits.h."""
# For answers to those who were still inside when the engine died, or the drain was over.
_LAST_WORDS = 1.0
# For telling clients of the end. More would only be waited out, wherever somebody watches health.
_FAREWELL = 0.2
_QUIET, _QUIET_AT_MOST = 0.05, 1.0
# After the drain; for a loop that hangs with the device, and so hears of nothing.
_LATEST_END = 5.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens; ``None`` where it does not."""

    grpc: int
    health: int | None
    metrics: int | None


class Server:
    """A server that listens. Made by ``listening`` or ``serving``."""

    def __init__(self, settings: Settings, gate: Gate, health: Health, ports: Ports) -> None:
        self.ports = ports
        self._settings = settings
        self._gate = gate
        self._health = health
        self._dying: asyncio.Task[None] | None = None
        self.died = asyncio.Event()
        """Set when the engine is dead, and those inside have heard of it."""

    @property
    def target(self) -> str:
        """The address of the public port."""
        return f"{self._settings.host}:{self.ports.grpc}"

    @property
    def inside(self) -> int:
        """Calls that were let in and are not over."""
        return self._gate.inside

    @property
    def dead(self) -> bool:
        """Whether the engine is dead. Nothing is served any more then."""
        return self._gate.phase is Phase.DEAD

    async def drain(self) -> None:
        """Refuse what comes, and wait for what is inside, for as long as the settings say."""
        self._gate.close(Phase.DRAINING)
        await self._health.ready(serving=False)
        _LOG.info("draining", extra={"inside": self._gate.inside})
        await self._emptied(self._settings.drain_seconds)
        # A call that arrives while gRPC stops is CANCELLED, and then no client tries elsewhere.
        # So those who come at once after an answer, or a refusal, are still told to.
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_AT_MOST):
                await self._gate.quieted(_QUIET)

    async def open(self, pipeline: Pipeline) -> None:
        """Let calls in, until the engine that answers them dies."""
        loop = asyncio.get_running_loop()

        def died(_: DeviceLost) -> None:
            loop.call_soon_threadsafe(self._doom)

        pipeline.engine.on_death(died)
        self._gate.open(pipeline)
        if self._gate.phase is Phase.SERVING:
            await self._health.ready(serving=True)
            _LOG.info("serving", extra=asdict(self.ports))

    def _doom(self) -> None:
        self._gate.close(Phase.DEAD)
        self._dying = asyncio.ensure_future(self._die())

    async def _die(self) -> None:
        """Say that there is no hope, and let those inside hear of it."""
        await self._health.ready(serving=False)
        await self._health.alive(serving=False)
        _LOG.error("the engine is dead", extra={"inside": self._gate.inside})
        await self._emptied(_LAST_WORDS)
        # Those who watch health are not inside.
        await asyncio.sleep(_FAREWELL)
        self.died.set()

    async def _emptied(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._gate.emptied()
        except TimeoutError:
            _LOG.warning("calls were cut off", extra={"inside": self._gate.inside})


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Server]:
    """A server that listens and tells everybody that it is not ready.

    At the end of the block it drains, then stops. Raises ``ValueError`` where the settings name
    what cannot be read, and ``OSError`` where it cannot listen.
    """
    async with AsyncExitStack() as stack:
        metrics, gate, health = Metrics(settings.tenant_quotas), Gate(), Health()
        seen, saw = await stack.enter_async_context(observed(settings, metrics))
        workers = await stack.enter_async_context(Workers(settings.workers))
        llm = load_llm(settings)
        if llm is not None:
            stack.push_async_callback(llm.close)
        servicer = CompressionServicer(
            gate.pipeline,
            workers,
            llm=llm,
            template=Template.load(settings.prompt_template_file),
            default_deadline=settings.default_deadline_seconds,
            saw=saw,
        )
        arounds = (*seen, *asked_of_callers(settings), gate.passing)
        public, port = public_server(settings, servicer, health, arounds)
        servers, health_port, metrics_port = [public], None, None
        if settings.health_port is not None:
            probed, health_port = health_server(settings, health, settings.health_port)
            servers.append(probed)
        if settings.metrics_port is not None:
            metrics.watch(
                lambda: _gauges(gate, workers), lambda: _stats(gate), lambda: _cached(gate)
            )
            exporter = exported(metrics.registry, host=settings.host, port=settings.metrics_port)
            metrics_port = stack.enter_context(exporter)
        server = Server(settings, gate, health, Ports(port, health_port, metrics_port))
        await health.begin()
        for each in servers:
            await each.start()
            stack.push_async_callback(each.stop, _FAREWELL)
        stack.push_async_callback(server.drain)
        yield server


def _stats(gate: Gate) -> EngineStats | None:
    pipeline = _opened(gate)
    return pipeline.engine.stats() if pipeline else None


def _cached(gate: Gate) -> CacheStats | None:
    pipeline = _opened(gate)
    cache = pipeline.catalogue.cache if pipeline else None
    return cache.stats() if cache else None


def _opened(gate: Gate) -> Pipeline | None:
    # Whatever the phase: while a server drains or dies is when one looks.
    try:
        return gate.pipeline()
    except Unavailable:
        return None


def _gauges(gate: Gate, workers: Workers) -> Iterator[tuple[str, str, float]]:
    stats = _stats(gate)
    claimed = stats.claimed_tokens if stats else 0
    waited = workers.oldest_seconds
    oldest = max(waited, stats.oldest_seconds if stats else 0.0)
    yield "condensery_queue_tokens", "Tokens promised to callers, not computed yet.", claimed
    yield "condensery_queue_oldest_seconds", "Age of the oldest of what waits.", oldest
    yield "condensery_worker_wait_seconds", "Age of the oldest call without a thread.", waited
    yield "condensery_in_flight", "Calls that were let in and are not over.", gate.inside
    yield "condensery_serving", "Whether new calls are let in.", gate.phase is Phase.SERVING


OpenPipeline = Callable[[Settings], AbstractContextManager[Pipeline]]


@asynccontextmanager
async def serving(
    settings: Settings, *, open_pipeline: OpenPipeline = Pipeline.open
) -> AsyncIterator[Server]:
    """A server that is warm and serves; for tests, and for programs that have their own loop.

    Raises what ``listening`` and ``Pipeline.open`` raise.
    """
    async with AsyncExitStack() as stack:
        models = ExitStack()
        # Loading and unloading take seconds; health has to answer meanwhile. Models are there
        # until nobody is inside any more.
        stack.push_async_callback(asyncio.to_thread, models.close)
        server = await stack.enter_async_context(listening(settings))
        pipeline = await asyncio.to_thread(models.enter_context, open_pipeline(settings))
        await server.open(pipeline)
        yield server


def serve(settings: Settings, *, open_pipeline: OpenPipeline = Pipeline.open) -> int:
    """Serve until SIGTERM or SIGINT, then drain. Gives the exit status of the process.

    A second signal ends it at once. When the engine dies, so does the process, with the status
    ``ENGINE_DIED``: at once, or after the drain where that has begun. ``limit_threads`` must have
    been called before. Raises what ``serving`` does.
    """
    with structured(settings.log_level):
        return asyncio.run(_serve(settings, open_pipeline))


async def _serve(settings: Settings, open_pipeline: OpenPipeline) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stop)
    opening = _ending(open_pipeline, settings.drain_seconds + _LATEST_END)
    async with AsyncExitStack() as stack:
        starting = stack.enter_async_context(serving(settings, open_pipeline=opening))
        started, stopped = asyncio.ensure_future(starting), asyncio.ensure_future(stop.wait())
        stack.callback(stopped.cancel)
        await asyncio.wait([started, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            # Nobody is inside yet, and what loads models cannot be told to stop.
            _end_at_once(0)
        server = await _warm(started)
        died = asyncio.ensure_future(server.died.wait())
        stack.callback(died.cancel)
        await asyncio.wait([died, stopped], return_when=asyncio.FIRST_COMPLETED)
        if server.died.is_set():
            # Threads may hang in a device that never answers.
            _end_at_once(ENGINE_DIED)
    if server.dead:
        _end_at_once(ENGINE_DIED)
    return 0


async def _warm(started: asyncio.Future[Server]) -> Server:
    try:
        return await started
    except Unavailable as error:
        if not isinstance(error.__cause__, DeviceLost):
            raise
        _LOG.exception("the engine died while the models were warmed")
        _end_at_once(ENGINE_DIED)


def _ending(open_pipeline: OpenPipeline, seconds: float) -> OpenPipeline:
    """The same; but the process ends so long after its engine, whatever its loop does."""

    @contextmanager
    def opening(settings: Settings) -> Iterator[Pipeline]:
        with open_pipeline(settings) as pipeline:
            end = threading.Timer(seconds, os._exit, [ENGINE_DIED])
            end.daemon = True
            pipeline.engine.on_death(lambda _: end.start())
            yield pipeline

    return opening


def _end_at_once(status: int) -> NoReturn:
    """End the process without any tidying up, for that may take for ever."""
    logging.shutdown()
    os._exit(status)


def _stop(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)
    stop.set()
