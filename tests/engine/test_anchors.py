"""Bugs of other engines (spec/serving.md 1.1) that this one must not have.

Each of ``BUGS`` is a test body and the faulty design that it must fail on; ours must pass it, and
so must a small engine that differs from the faulty ones by nothing but their bugs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from compressors.engine import Engine, EngineSettings
from compressors.errors import ModelFailure, Overloaded, Unavailable
from compressors.models.tokenization import ThreadTokenizers
from compressors.protocols import Forward
from compressors.work import Work
from service.tokenizers import TokenizerCounter
from tests.engine.fakes import PATIENCE, Failing, Summing, asked, gate, row, until
from tests.engine.faulty import (
    Careful,
    DiesSilently,
    ForgetsTheRefused,
    NeverFits,
    PanicsWhenFull,
    SharedTokenizer,
    WaitsForRoom,
)

SOON = 1.0
"""Seconds after which a faulty design will not answer any more."""


class Batching(Protocol):
    """What an engine is to its callers, here."""

    @property
    def alive(self) -> bool: ...

    def wrap(self, forward: Forward, *, name: str) -> Forward: ...

    def admit(self, tokens: int) -> AbstractContextManager[None]: ...


Making = Callable[[EngineSettings], AbstractContextManager[Batching]]
Body = Callable[[Making, float], None]


def infinity_544_a_broken_model(making: Making, patience: float) -> None:
    """Its callers hear of it, and those who come later are served."""
    with making(EngineSettings()) as engine:
        forward = engine.wrap(Failing(666, lambda: RuntimeError("broken")), name="model")
        for _ in range(5):
            with pytest.raises(ModelFailure):
                asked(lambda: forward([row(5, mark=666)])).result(patience)

        assert engine.alive
        assert asked(lambda: forward([row(5)])).result(patience) == [5]


def infinity_544_a_dead_thread(making: Making, patience: float) -> None:
    """Those who wait hear of it, it is not healthy, and those who come are refused."""
    with making(EngineSettings()) as engine:
        forward = engine.wrap(Failing(666, SystemExit), name="model")
        with pytest.raises(Unavailable):
            asked(lambda: forward([row(5, mark=666)])).result(patience)

        until(lambda: not engine.alive, patience)
        with pytest.raises(Unavailable):
            asked(lambda: forward([row(5)])).result(patience)


def tei_470_a_huge_call(making: Making, patience: float) -> None:
    """It is served."""
    with making(EngineSettings(batch_tokens=64, max_queued_tokens=64)) as engine:
        forward = engine.wrap(Summing(), name="model")

        assert asked(lambda: forward([row(2)] * 5_000)).result(patience) == [2] * 5_000


def tei_723_a_row_longer_than_the_budget(making: Making, patience: float) -> None:
    """It is served alone."""
    model = Summing()
    with making(EngineSettings(batch_tokens=16, max_queued_tokens=16)) as engine:
        forward = engine.wrap(model, name="model")
        call = asked(lambda: forward([row(8), row(512), row(8)]))

        assert call.result(patience) == [8, 512, 8]
    assert (row(512),) in model.batches


def tei_662_pr_726_overload(making: Making, patience: float) -> None:
    """It is answered while the device is busy, with the time to come back; what fits is served."""
    with making(EngineSettings(max_queued_tokens=100)) as engine, gate() as model:
        forward = engine.wrap(model, name="model")

        def admitted() -> None:
            with Work().active(), engine.admit(11):
                pytest.fail("there was no room")

        first = asked(lambda: forward([row(90)]))
        until(lambda: model.entered == 1, patience)
        for refused in (asked(lambda: forward([row(11)])), asked(admitted)):
            with pytest.raises(Overloaded) as refusal:
                refused.result(patience)
            assert refusal.value.retry_after > 0
        second = asked(lambda: forward([row(10)]))
        model.open()

        assert [first.result(patience), second.result(patience)] == [[90], [10]]


def sglang_33858_everybody_who_is_refused(making: Making, patience: float) -> None:
    """He gets his answer."""
    with making(EngineSettings(max_queued_tokens=50)) as engine, gate() as model:
        forward = engine.wrap(model, name="model")
        calls = [asked(lambda: forward([row(10)])) for _ in range(32)]
        until(lambda: sum(call.done() for call in calls) == 27, patience)
        model.open()

        errors = [call.exception(patience) for call in calls]
    assert sum(error is None for error in errors) == 5
    assert sum(isinstance(error, Overloaded) for error in errors) == 27


BUGS: list[tuple[Body, type[Careful], type[Exception], str | None]] = [
    (infinity_544_a_broken_model, DiesSilently, TimeoutError, None),
    (infinity_544_a_dead_thread, DiesSilently, TimeoutError, None),
    (tei_470_a_huge_call, PanicsWhenFull, RuntimeError, "no available capacity"),
    (tei_723_a_row_longer_than_the_budget, NeverFits, TimeoutError, None),
    (tei_662_pr_726_overload, WaitsForRoom, TimeoutError, None),
    (sglang_33858_everybody_who_is_refused, ForgetsTheRefused, AssertionError, "never became true"),
]
NAMES = [body.__name__ for body, *_ in BUGS]


@pytest.mark.parametrize("body", [body for body, *_ in BUGS], ids=NAMES)
def test_the_engine_does_not_have_the_bug(body: Body) -> None:
    body(Engine, PATIENCE)


@pytest.mark.parametrize("body", [body for body, *_ in BUGS], ids=NAMES)
def test_what_has_no_bug_is_not_accused_of_it(body: Body) -> None:
    body(Careful, PATIENCE)


@pytest.mark.parametrize(("body", "faulty", "error", "words"), BUGS, ids=NAMES)
def test_the_faulty_design_has_the_bug(
    body: Body, faulty: type[Careful], error: type[Exception], words: str | None
) -> None:
    with pytest.raises(error, match=words):
        body(faulty, SOON)


Encode = Callable[[Sequence[str]], object]


def transformers_47085_vllm_40949_a_tokenizer_in_eight_threads(encode: Encode) -> None:
    """Each thread gets what a lone one gets."""
    asks = [["one two three four five six seven " * 20] * size for size in range(1, 9)]
    alone = [encode(texts) for texts in asks]

    def ask(first: int) -> None:
        for number in range(first, first + 25):
            assert encode(asks[number % 8]) == alone[number % 8], "it got what another asked for"

    for call in [asked(partial(ask, first)) for first in range(8)]:
        call.result(PATIENCE)


UNKNOWN = "[UNK]"


def words() -> Tokenizer:
    vocabulary = [UNKNOWN, "one", "two", "three", "four", "five", "six", "seven"]
    known = {word: number for number, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def test_tokenizers_of_threads_do_not_have_the_bug() -> None:
    tokenizers = ThreadTokenizers(words)

    def encode(texts: Sequence[str]) -> object:
        return [encoding.ids for encoding in tokenizers.encode(texts)]

    transformers_47085_vllm_40949_a_tokenizer_in_eight_threads(encode)


def test_counters_do_not_have_the_bug() -> None:
    counter = TokenizerCounter("words", words())

    transformers_47085_vllm_40949_a_tokenizer_in_eight_threads(counter.count)


def test_a_tokenizer_that_is_shared_and_changed_has_the_bug() -> None:
    shared = SharedTokenizer(words())

    with pytest.raises((AssertionError, RuntimeError), match=r"another asked|Already borrowed"):
        transformers_47085_vllm_40949_a_tokenizer_in_eight_threads(shared.encode)


def test_refusals_are_counted_by_reason() -> None:
    settings = EngineSettings(max_queued_tokens=100)
    with gate() as model, Engine(settings) as engine:
        forward = engine.wrap(model, name="model")
        first = asked(lambda: forward([row(90)]))
        until(lambda: model.entered == 1)

        with pytest.raises(Overloaded):
            forward([row(11)])
        with Work().active(), pytest.raises(Overloaded), engine.admit(11):
            pytest.fail("there was no room")
        assert engine.stats().rejected == {"queue_full": 2}
        model.open()
        first.result(PATIENCE)
        until(lambda: engine.stats().claimed_tokens == 0)


def test_admitted_requests_are_not_refused_halfway() -> None:
    settings = EngineSettings(max_queued_tokens=100)
    with gate() as model, Engine(settings) as engine:
        forward = engine.wrap(model, name="model")
        work = Work()

        def mine() -> Sequence[int]:
            with work.active():
                return forward([row(60), row(60)])

        with work.active(), engine.admit(60):
            other = asked(lambda: forward([row(40)]))
            until(lambda: model.entered == 1)
            call = asked(mine)
            until(lambda: engine.stats().queued_items == 2)
            model.open()

            assert call.result(PATIENCE) == [60, 60]
            assert other.result(PATIENCE) == [40]
        assert engine.stats().claimed_tokens == 0
