"""What comes next, in small histories that can be followed by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from compressors.engine.calls import Call, Item
from compressors.engine.scheduler import Scheduler
from compressors.engine.settings import EngineSettings
from compressors.errors import Overloaded
from compressors.work import Work
from tests.engine.clocks import Clock
from tests.engine.fakes import row


def scheduler(
    *models: str, batch_tokens: int = 100, launch_tokens: int = 16, bulk_share: float = 0.1
) -> Scheduler:
    settings = EngineSettings(
        batch_tokens=batch_tokens,
        launch_tokens=launch_tokens,
        bulk_share=bulk_share,
        max_queued_tokens=10**9,
    )
    result = Scheduler(settings, clock=Clock())
    for model in models or ("model",):
        result.add(model, None)
    return result


def submitted(to: Scheduler, *lengths: int, work: Work | None = None, model: str = "model") -> Call:
    call = Call(model, [row(length) for length in lengths], work or Work(), 0.0)
    to.submit(call)
    return call


def serve(by: Scheduler, seconds: float | None = None) -> Sequence[Item]:
    batch = by.take()
    assert batch is not None
    if seconds is not None:
        by.computed(batch.items, seconds)
    by.answer(batch.items, [len(item.row) for item in batch.items])
    return batch.items


def check_over(
    call: Call, by: Scheduler, come: Callable[[], object] = lambda: None, *, batches: int
) -> None:
    """Check that a call is over after so many batches, while something comes before each."""
    for _ in range(batches):
        if not call.over:
            come()
            serve(by)
    assert call.over


def served_tokens(by: Scheduler, batches: int) -> Counter[str]:
    """By tenant."""
    tokens: Counter[str] = Counter()
    for _ in range(batches):
        for item in serve(by):
            tokens[item.work.tenant] += item.tokens
    return tokens


def test_a_row_of_unusual_length_is_not_passed_for_ever() -> None:
    queue = scheduler(launch_tokens=8)
    submitted(queue, *[10] * 20)
    odd = submitted(queue, 90)

    # 2 batches of 10 rows came before it, and every second one is one of the oldest.
    check_over(odd, queue, lambda: submitted(queue, *[10] * 10), batches=4)


def test_a_long_request_is_not_passed_for_ever_by_new_ones() -> None:
    queue = scheduler()
    long = submitted(queue, *[50] * 10)

    def come() -> None:
        for _ in range(10):
            submitted(queue, 50)

    check_over(long, queue, come, batches=2 * 10)


def test_many_rows_of_one_request_share_with_those_of_another() -> None:
    queue = scheduler()
    large = submitted(queue, *[50] * 100)
    small = submitted(queue, *[50] * 4)

    served = [item for _ in range(4) for item in serve(queue)]

    assert small.over
    assert sum(item.call is large for item in served) == 4


def test_a_tenant_with_many_requests_gets_no_more_than_one_with_few() -> None:
    queue = scheduler()
    for _ in range(200):
        submitted(queue, 50, work=Work(tenant="many"))
    submitted(queue, *[50] * 50, work=Work(tenant="few"))

    tokens = served_tokens(queue, batches=40)

    assert tokens["few"] == pytest.approx(tokens["many"], abs=100)


def test_the_requests_of_a_tenant_share_what_it_gets() -> None:
    queue = scheduler()
    submitted(queue, *[50] * 100, work=Work(tenant="other"))
    large = submitted(queue, *[50] * 100, work=Work(tenant="mine"))
    small = submitted(queue, *[50] * 4, work=Work(tenant="mine"))

    served = [item for _ in range(8) for item in serve(queue)]

    assert small.over
    assert 3 <= sum(item.call is large for item in served) <= 5


def test_a_tenant_who_comes_later_has_nothing_to_make_up_for() -> None:
    queue = scheduler()
    submitted(queue, *[50] * 400, work=Work(tenant="first"))
    served_tokens(queue, batches=50)
    submitted(queue, *[50] * 400, work=Work(tenant="later"))

    tokens = served_tokens(queue, batches=40)

    assert tokens["later"] == pytest.approx(tokens["first"], abs=100)


def test_coming_again_and_again_gets_no_more_than_waiting() -> None:
    queue = scheduler()
    submitted(queue, *[100] * 400, work=Work(tenant="waits"))
    tokens: Counter[str] = Counter()

    for _ in range(40):
        again = submitted(queue, 100, work=Work(tenant="comes"))
        for _ in range(10):
            if not again.over:
                tokens += served_tokens(queue, batches=1)

    assert tokens["comes"] == 40 * 100
    assert tokens["waits"] == pytest.approx(40 * 100, abs=100)


def test_the_next_stage_of_a_request_goes_before_new_requests() -> None:
    queue = scheduler()
    work = Work()
    queue.reserve(work, 200)
    submitted(queue, 50, 50, work=work)
    serve(queue)
    new = [submitted(queue, 50) for _ in range(20)]

    next_stage = submitted(queue, 50, 50, work=work)
    for _ in range(2):
        serve(queue)

    # One batch was its own, the other one that of the oldest.
    assert next_stage.over
    assert sum(call.over for call in new) <= 2


def test_a_large_next_stage_holds_up_new_requests_for_one_batch() -> None:
    queue = scheduler()
    large = Work()
    queue.reserve(large, 10_000)
    submitted(queue, 50, 50, work=large)
    serve(queue)
    submitted(queue, *[50] * 100, work=large)
    serve(queue)

    small = submitted(queue, 50, 50)

    check_over(small, queue, batches=4)


def test_interactive_requests_go_before_bulk_ones_that_were_there_first() -> None:
    queue = scheduler()
    bulk = submitted(queue, *[50] * 100, work=Work(bulk=True))
    interactive = submitted(queue, *[50] * 6)

    served = [item for _ in range(3) for item in serve(queue)]

    assert interactive.over
    assert not any(item.call is bulk for item in served)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_bulk_gets_its_share_however_much_is_interactive(share: float) -> None:
    queue = scheduler(bulk_share=share)
    submitted(queue, *[50] * 1_000, work=Work(tenant="bulk", bulk=True))
    for number in range(100):
        submitted(queue, *[50] * 10, work=Work(tenant=str(number % 5)))

    tokens = served_tokens(queue, batches=100)

    assert tokens["bulk"] == pytest.approx(share * 100 * 100, abs=100)


def test_bulk_earns_nothing_while_none_of_it_waits() -> None:
    queue = scheduler()
    for _ in range(50):
        submitted(queue, 50, 50)
        serve(queue)
    submitted(queue, *[50] * 10, work=Work(bulk=True))
    submitted(queue, *[50] * 100)

    served = [item for _ in range(8) for item in serve(queue)]

    assert not any(item.work.bulk for item in served)


def test_bulk_has_the_whole_device_while_nobody_else_wants_it() -> None:
    queue = scheduler()
    bulk = submitted(queue, *[50] * 100, work=Work(bulk=True))
    for _ in range(50):
        serve(queue)

    assert bulk.over


def test_a_batch_of_bulk_is_not_formed_ahead_of_those_who_go_first() -> None:
    queue = scheduler()
    work = Work()
    queue.reserve(work, 100)
    submitted(queue, *[50] * 4, work=Work(bulk=True))

    assert not queue.prefetch()
    interactive = submitted(queue, 50, work=work)
    serve(queue)
    assert interactive.over
    queue.release(work)
    assert queue.prefetch()


def test_a_model_with_much_to_do_does_not_block_another() -> None:
    queue = scheduler("one", "two")
    submitted(queue, *[50] * 100, model="one")

    small = submitted(queue, *[50] * 4, model="two")

    # Two batches, and between them one of the oldest.
    check_over(small, queue, batches=3)


def test_who_comes_later_takes_nothing_from_those_who_are_alike() -> None:
    queue = scheduler()
    calls = [submitted(queue, 50, 50, 50, 50) for _ in range(4)]
    over = []

    for _ in range(8):
        serve(queue)
        calls.append(submitted(queue, 50, 50, 50, 50))
        over.append([call.over for call in calls[:4]].count(True))

    # Each had the device for two batches. By shares, row by row, none would be done before 7.
    assert over == [0, 1, 1, 2, 2, 3, 3, 4]


def test_models_share_the_time_of_the_device_and_not_its_tokens() -> None:
    queue = scheduler("slow", "fast")
    seconds = {"slow": 1.0, "fast": 0.05}
    for model in ("slow", "fast"):
        for _ in range(3):
            submitted(queue, 50, 50, model=model)
            serve(queue, seconds[model])
    for model in ("slow", "fast"):
        submitted(queue, *[50] * 1_000, work=Work(tenant=model), model=model)

    had: Counter[str] = Counter()
    for _ in range(210):
        model = serve(queue)[0].call.model
        had[model] += round(1_000 * seconds[model])

    assert had["slow"] == pytest.approx(had["fast"], abs=1_000)


def test_forms_ahead_only_what_is_full_anyway() -> None:
    queue = scheduler()
    submitted(queue, 50)

    assert not queue.prefetch()
    submitted(queue, 50)
    assert queue.prefetch()
    assert not queue.prefetch()
    assert len(serve(queue)) == 2


def test_who_is_cancelled_after_the_batch_was_formed_ahead_does_not_run() -> None:
    queue = scheduler()
    work = Work()
    submitted(queue, 50, work=work)
    kept = submitted(queue, 50)
    assert queue.prefetch()

    work.cancel()

    assert [item.call for item in serve(queue)] == [kept]
    assert queue.dropped == {"cancelled": 1}


def test_a_slow_first_batch_does_not_make_the_device_seem_slow() -> None:
    queue = Scheduler(EngineSettings(max_queued_tokens=100), clock=Clock())
    queue.add("model", None)
    for seconds in (60.0, 0.5):
        submitted(queue, 84)
        serve(queue, seconds)
    submitted(queue, 100)

    with pytest.raises(Overloaded) as refusal:
        submitted(queue, 50)

    assert queue.stats()[0].tokens_per_second == pytest.approx(200)  # (84 + 16) / 0.5
    assert refusal.value.retry_after == pytest.approx(0.25)


def test_remembers_no_more_tenants_than_those_who_have_requests() -> None:
    queue = scheduler()
    for number in range(600):
        submitted(queue, 50, work=Work(tenant=str(number)))
        serve(queue)

    assert len(queue._classes._interactive._tenants) <= 256
