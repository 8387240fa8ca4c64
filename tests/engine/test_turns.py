"""What comes next, in small histories that can be followed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from compressors.engine.calls import Call, Item
from compressors.engine.scheduler import Scheduler
from compressors.engine.settings import EngineSettings
from compressors.errors import Overloaded
from compressors.work import Work
from tests.engine.fakes import row


def scheduler(**sizes: int) -> Scheduler:
    result = Scheduler(EngineSettings(**sizes))
    result.add("model", None)
    return result


def submitted(to: Scheduler, *lengths: int, work: Work | None = None) -> Call:
    call = Call("model", [row(length) for length in lengths], work or Work(), 0.0)
    to.submit(call)
    return call


def serve(by: Scheduler) -> Sequence[Item]:
    batch = by.take()
    assert batch is not None
    by.answer(batch.items, [len(item.row) for item in batch.items])
    return batch.items


def test_a_row_of_unusual_length_is_not_passed_for_ever() -> None:
    queue = scheduler(batch_tokens=100, launch_tokens=8)
    odd = submitted(queue, 90)
    batches = 0

    while not odd.over:
        for _ in range(20):
            submitted(queue, 10)
        serve(queue)
        batches += 1

    assert batches == 2


def test_many_rows_of_one_request_share_with_those_of_another() -> None:
    queue = scheduler(batch_tokens=100)
    large = submitted(queue, *[50] * 100)
    small = submitted(queue, *[50] * 4)

    served = [item for _ in range(4) for item in serve(queue)]

    assert small.over
    assert sum(item.call is large for item in served) == 4


def test_a_model_with_much_to_do_does_not_block_another() -> None:
    queue = Scheduler(EngineSettings(batch_tokens=100))
    queue.add("one", None)
    queue.add("two", None)
    for model in ("one", "two"):
        queue.submit(Call(model, [row(50)] * 100, Work(), 0.0))

    models = [serve(queue)[0].call.model for _ in range(40)]

    assert models[:3] == ["one", "one", "two"]  # whose turn it is, the oldest, whose turn it is
    assert models.count("two") >= 10


def test_forms_ahead_only_what_is_full_anyway() -> None:
    queue = scheduler(batch_tokens=100)
    submitted(queue, 50)

    assert not queue.prefetch()
    submitted(queue, 50)
    assert queue.prefetch()
    assert not queue.prefetch()
    assert len(serve(queue)) == 2


def test_who_is_cancelled_after_the_batch_was_formed_ahead_does_not_run() -> None:
    queue = scheduler(batch_tokens=100)
    work = Work()
    submitted(queue, 50, work=work)
    kept = submitted(queue, 50)
    assert queue.prefetch()

    work.cancel()

    assert [item.call for item in serve(queue)] == [kept]
    assert queue.dropped == {"cancelled": 1}


def test_a_slow_first_batch_does_not_make_the_device_seem_slow() -> None:
    queue = scheduler(max_queued_tokens=100)
    for seconds in (60.0, 0.5):
        submitted(queue, 84)
        batch = queue.take()
        assert batch is not None
        queue.computed(batch.items, seconds)
        queue.answer(batch.items, [84])
    submitted(queue, 100)

    with pytest.raises(Overloaded) as refusal:
        submitted(queue, 50)

    assert queue.stats()[0].tokens_per_second == pytest.approx(200)  # (84 + 16) / 0.5
    assert refusal.value.retry_after == pytest.approx(0.25)
