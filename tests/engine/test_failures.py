"""A model that breaks, a device that dies, and who has to know."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from compressors.engine import BatchReport, DeviceLost, Engine, EngineSettings
from compressors.engine.failures import free_memory, is_out_of_memory
from compressors.errors import ModelFailure, Unavailable
from compressors.protocols import Encoded
from tests.engine.fakes import PATIENCE, Failing, Small, Summing, gate, row, until
from tests.engine.test_engine import submit

POISON = 666


class AcceleratorError(RuntimeError):
    """Called like the error that torch raises when a device is lost."""


def test_a_row_that_breaks_its_batch_fails_alone() -> None:
    model = Failing(POISON, lambda: ValueError("secret text"))
    with gate() as gated, Engine() as engine, ThreadPoolExecutor(16) as pool:
        forward = engine.wrap(model, name="model")
        first = submit(pool, engine.wrap(gated, name="gated"), [row(2)])
        until(lambda: gated.entered == 1)
        good = [submit(pool, forward, [row(10)]) for _ in range(7)]
        bad = submit(pool, forward, [row(10, mark=POISON)])
        until(lambda: engine.stats().queued_items == 8)
        gated.open()

        assert [call.result(PATIENCE) for call in good] == [[10]] * 7
        with pytest.raises(ModelFailure, match="ValueError") as failure:
            bad.result(PATIENCE)
        first.result(PATIENCE)
        assert engine.stats().models[0].failed_items == 1
        assert engine.stats().claimed_tokens == 0
    assert "secret" not in str(failure.value)
    assert len(model.model.batches) <= 1 + 2 * 3  # eight rows, halved three times


def test_a_call_with_a_bad_row_fails_at_once_and_spares_the_device_the_rest() -> None:
    model = Failing(POISON, ValueError)
    with Engine(EngineSettings(batch_tokens=10)) as engine:
        forward = engine.wrap(model, name="model")

        with pytest.raises(ModelFailure):
            forward([row(10, mark=POISON), *[row(10)] * 500])
        assert forward([row(3)]) == [3]
        assert engine.stats().dropped["failed"] == 500
    assert len(model.model.batches) == 2


def test_keeps_the_message_of_a_model_that_explains_itself() -> None:
    model = Failing(POISON, lambda: ModelFailure("row too long"))
    with Engine() as engine, pytest.raises(ModelFailure, match="row too long"):
        engine.wrap(model, name="model")([row(3, mark=POISON)])


def test_too_few_results_are_a_failure() -> None:
    def forgetful(batch: Sequence[Encoded]) -> Sequence[int]:
        return [1] * (len(batch) - 1)

    with Engine() as engine, pytest.raises(ModelFailure, match="0 results for 1 rows"):
        engine.wrap(forgetful, name="model")([row(3)])


def test_out_of_memory_halves_the_batch_and_those_to_come() -> None:
    model = Small(256)
    with Engine(EngineSettings(batch_tokens=1_024)) as engine:
        forward = engine.wrap(model, name="model")

        assert forward([row(32)] * 64) == [32] * 64
        assert engine.stats().models[0].batch_tokens == 256
        assert engine.stats().out_of_memory >= 3
        asked = len(model.model.batches)
        assert forward([row(32)] * 64) == [32] * 64
    assert model.model.sizes[asked:] == [8] * 8


class Large:
    """What a run holds."""


def _allocate(_: Large) -> None:
    raise RuntimeError("CUDA out of memory. Tried to allocate a lot")


class Holding:
    """Runs out of memory on more than one row, and fails if what it held then is still there."""

    def __init__(self) -> None:
        self.held: Callable[[], object] = lambda: None

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[int]:
        if self.held() is not None:
            raise ValueError("what failed holds its memory")
        large = Large()
        if len(batch) == 1:
            return [1]
        self.held = weakref.ref(large)
        try:
            _allocate(large)
        except RuntimeError as error:
            raise ModelFailure("the model failed") from error
        raise AssertionError


def test_a_run_without_memory_lets_go_of_it_before_its_halves_run() -> None:
    with Engine() as engine:
        assert engine.wrap(Holding(), name="model")([row(4)] * 4) == [1] * 4


@dataclass
class Cuda:
    """``torch.cuda``, as far as the engine knows it."""

    initialized: bool
    emptied: int = 0

    def is_initialized(self) -> bool:
        return self.initialized

    def empty_cache(self) -> None:
        self.emptied += 1


@pytest.mark.parametrize("initialized", [True, False])
def test_the_cache_of_a_cuda_that_is_in_use_is_emptied(
    initialized: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuda = Cuda(initialized)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))

    free_memory(MemoryError())

    assert cuda.emptied == int(initialized)


def test_a_row_that_never_fits_into_memory_fails_and_the_others_go_on() -> None:
    with Engine() as engine:
        forward = engine.wrap(Small(100), name="model")

        with pytest.raises(ModelFailure, match="RuntimeError"):
            forward([row(101)])
        assert forward([row(99)]) == [99]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_knows_running_out_of_memory_under_other_errors(error: Exception) -> None:
    wrapper = ModelFailure("the model failed")
    wrapper.__cause__ = error

    assert is_out_of_memory(wrapper)
    assert not is_out_of_memory(ValueError("out of memory"))


def _lost() -> BaseException:
    failure = ModelFailure("the model failed")
    failure.__cause__ = AcceleratorError("CUDA error: an illegal memory access was encountered")
    return failure


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, _lost])
def test_a_dead_device_fails_everybody_and_says_so(error: Callable[[], BaseException]) -> None:
    deaths: list[DeviceLost] = []
    model = Failing(POISON, error)
    with (
        gate() as gated,
        Engine() as engine,
        ThreadPoolExecutor(16) as pool,
    ):
        engine.on_death(deaths.append)
        forward = engine.wrap(model, name="model")
        first = submit(pool, engine.wrap(gated, name="gated"), [row(2)])
        until(lambda: gated.entered == 1)
        doomed = submit(pool, forward, [row(10, mark=POISON)])
        waiting = [submit(pool, forward, [row(400)]) for _ in range(5)]
        until(lambda: engine.stats().queued_items == 6)
        gated.open()

        assert first.result(PATIENCE) == [2]
        for call in (doomed, *waiting):
            with pytest.raises(Unavailable, match="the device is lost"):
                call.result(PATIENCE)
        until(lambda: len(deaths) == 1)
        assert not engine.alive
        with pytest.raises(Unavailable):
            forward([row(1)])
        assert engine.stats().queued_tokens == engine.stats().claimed_tokens == 0


def test_an_observer_that_fails_costs_nobody_his_results() -> None:
    def broken(_: BatchReport) -> None:
        raise ValueError

    with Engine(observe=broken) as engine:
        forward = engine.wrap(Summing(), name="model")

        assert forward([row(2)]) == [2]
        assert forward([row(3)]) == [3]
