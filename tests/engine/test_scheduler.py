"""Laws of the scheduler, whatever happens in whatever order: one random history after another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from compressors.engine.batches import Batch
from compressors.engine.calls import Item, padded_tokens
from compressors.engine.scheduler import Scheduler
from compressors.engine.settings import EngineSettings
from compressors.errors import (
    Cancelled,
    DeadlineExceeded,
    ModelFailure,
    Overloaded,
    QuotaExceeded,
    Unavailable,
)
from compressors.work import Work
from tests.engine.clocks import Clock
from tests.engine.fake_device import CountedCall, FakeDevice
from tests.engine.fakes import row

BUDGETS = {"small": 64, "large": 200}
SPEEDS = {"small": 1_000.0, "large": 250.0}
SETTINGS = EngineSettings(
    max_queued_tokens=600,
    launch_tokens=20,
    lookahead=2,
    bulk_share=0.4,
    tenant_quotas={"metered": 900},
)
TENANTS = ("", "acme", "metered")
LONGEST = 300
lengths = st.lists(st.integers(0, 90) | st.just(LONGEST), min_size=1, max_size=12)
some = st.integers(0, 5)


class Histories(RuleBasedStateMachine):
    """Requests come, are cancelled, late, served or failed; the fake device takes its time."""

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.scheduler = Scheduler(SETTINGS, clock=self.clock)
        for model, budget in BUDGETS.items():
            self.scheduler.add(model, budget)
        self.device = FakeDevice(self.scheduler, self.clock, SPEEDS, SETTINGS.launch_tokens)
        self.works = [Work(clock=self.clock) for _ in range(6)]
        self.admitted: set[Work] = set()
        self.calls: list[CountedCall] = []
        self.taken: set[Item] = set()

    @rule(
        who=some,
        tenant=st.sampled_from(TENANTS),
        bulk=st.booleans(),
        seconds=st.none() | st.floats(0.1, 5.0),
    )
    def come(self, who: int, tenant: str, bulk: bool, seconds: float | None) -> None:  # noqa: FBT001 - drawn
        """Another request in the place of one that is left to itself."""
        self.release(who)
        deadline = None if seconds is None else self.clock.now + seconds
        self.works[who] = Work(deadline, tenant=tenant, bulk=bulk, clock=self.clock)

    @rule(who=some, model=st.sampled_from(sorted(BUDGETS)), lengths=lengths)
    def submit(self, who: int, model: str, lengths: list[int]) -> None:
        call = CountedCall(model, [row(length) for length in lengths], self.works[who], 0.0)
        tokens = sum(max(1, len(r)) for r in call.rows)
        if self._is_let_in(call.work, tokens, lambda: self.scheduler.submit(call)):
            self.calls.append(call)
        else:
            assert call.work not in self.admitted

    @rule(who=some, tokens=st.integers(0, 400), kind=st.sampled_from(["", "chain"]))
    def admit(self, who: int, tokens: int, kind: str) -> None:
        work = self.works[who]
        if work not in self.admitted and self._is_let_in(
            work, tokens, lambda: self.scheduler.reserve(work, tokens, kind=kind)
        ):
            self.admitted.add(work)

    def _is_let_in(self, work: Work, tokens: int, ask: Callable[[], None]) -> bool:
        ledger = self.scheduler.ledger
        before, reasons = ledger.claimed, ledger.rejected.copy()
        refusal = refusal_of(ask)
        if refusal is None:
            fits = before == 0 or before + tokens <= SETTINGS.max_queued_tokens
            assert fits or work in self.admitted
            return True
        (reason,) = ledger.rejected - reasons
        assert before == ledger.claimed
        assert refusal.retry_after > 0
        assert (reason == "quota") == isinstance(refusal, QuotaExceeded)
        assert reason != "quota" or work.tenant == "metered"
        assert reason != "queue_full" or 0 < before > SETTINGS.max_queued_tokens - tokens
        assert reason != "deadline" or work.deadline is not None
        return False

    @rule(who=some)
    def release(self, who: int) -> None:
        if self.works[who] in self.admitted:
            self.admitted.remove(self.works[who])
            self.scheduler.release(self.works[who])

    @rule(who=some, late=st.booleans(), awake=st.booleans())
    def abandon(self, who: int, late: bool, awake: bool) -> None:  # noqa: FBT001 - drawn
        """A request is over; its callers may or may not notice before the device does."""
        work = self.works[who]
        self.release(who)
        if late:
            work.deadline = self.clock.now
        else:
            work.cancel()
        if awake:
            self._give_up(work)
        self.works[who] = Work(clock=self.clock)

    def _give_up(self, work: Work) -> None:
        for call in self.calls:
            if call.work is work:
                self.scheduler.give_up(call)

    @rule(seconds=st.floats(0.01, 30.0))
    def wait(self, seconds: float) -> None:
        self.clock.passes(seconds)

    @rule()
    def prefetch(self) -> None:
        self.scheduler.prefetch()

    @precondition(lambda self: not self.device.busy)
    @rule()
    def take(self) -> None:
        waiting = list(self.scheduler.items())
        batch = self.scheduler.take()
        wanted = [item for item in waiting if not item.call.unwanted]
        if batch is None:
            assert not wanted
        else:
            self._begin(batch)

    def _begin(self, batch: Batch) -> None:
        assert padded_tokens(batch.items) <= BUDGETS[batch.model] or len(batch.items) == 1
        assert {item.call.model for item in batch.items} == {batch.model}
        assert len({item.work.bulk for item in batch.items}) == 1
        assert not any(item.call.unwanted for item in batch.items)
        assert not self.taken.intersection(batch.items)
        self.taken.update(batch.items)
        self.device.begin(batch)

    @precondition(lambda self: self.device.busy)
    @rule(end=st.sampled_from(["answer", "answer", "fail", "run_out_of_memory"]))
    def step(self, end: str) -> None:
        """A part of the running batch is done, or has to be run again in halves."""
        getattr(self.device, end)()

    @rule()
    def die(self) -> None:
        self.scheduler.abort(Unavailable("dead"))
        self.device.die()
        assert all(call.over for call in self.calls)

    @invariant()
    def the_counts_are_those_of_the_items(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        items = list(self.scheduler.items())
        assert len(set(items)) == len(items)
        running = set(self.device.items)
        queued = [item for item in items if item not in running]
        stats = self.scheduler.stats()
        assert sum(model.queued_items for model in stats) == len(queued)
        assert sum(model.queued_tokens for model in stats) == sum(i.tokens for i in queued)
        ledger = self.scheduler.ledger
        accounts = [each for group in ledger._groups.values() for each in group.accounts.values()]
        assert ledger.claimed == sum(account.claim for account in accounts)
        if not self.admitted:
            assert ledger.claimed == sum(item.tokens for item in items)

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for who in range(len(self.works)):
            self.release(who)
        self._crowd()
        for call in self.calls:
            assert call.ends == 1
            check_end(call)
        assert not list(self.scheduler.items())
        ledger = self.scheduler.ledger
        assert ledger.claimed == ledger._cost == ledger._running_cost == 0
        assert not ledger._groups

    def _crowd(self) -> None:
        """Serve those who are there while others come all the time: nobody of them starves."""
        # A step takes a batch or answers one.
        patience = 2 * bound(len(list(self.scheduler.items())))
        waiting = [call for call in self.calls if not call.ends]
        while waiting:
            assert patience, "somebody starves"
            patience -= 1
            for tenant in TENANTS:
                self._press(tenant)
            self._serve()
            waiting = [call for call in waiting if not call.ends]
        while self.device.busy or list(self.scheduler.items()):
            self._serve()

    def _press(self, tenant: str) -> None:
        call = CountedCall("small", [row(10)] * 6, Work(tenant=tenant, clock=self.clock), 0.0)
        with contextlib.suppress(Overloaded):
            self.scheduler.submit(call)
            self.calls.append(call)

    def _serve(self) -> None:
        if self.device.busy:
            self.device.answer()
        elif batch := self.scheduler.take():
            self._begin(batch)


def refusal_of(ask: Callable[[], None]) -> Overloaded | None:
    try:
        ask()
    except Overloaded as refusal:
        return refusal
    return None


def bound(waiting: int) -> int:
    """Batches after which all of those who wait are served, whoever else comes.

    Every second turn of a tenant is that of his oldest row, so that a row waits for twice as many
    turns as rows are older, its own turn included. Between two of them no other tenant gets more
    than one turn costs, a lead and a window, in batches that cost what those who come bring; and
    what is not bulk gets at most so many times more than bulk does.
    """
    weight = max(SPEEDS.values()) / min(SPEEDS.values())
    turn = weight * (LONGEST + max(BUDGETS.values()) * (1 + SETTINGS.lookahead))
    interactive_batches = turn * (1 - SETTINGS.bulk_share) / SETTINGS.bulk_share / 10
    return round(2 * (waiting + 1) * len(TENANTS) * (1 + interactive_batches))


def check_end(call: CountedCall) -> None:
    """Every call has all of its answers in order, or an error that is true."""
    if call._error is None:
        assert call.results() == [len(r) for r in call.rows]
    elif isinstance(call._error, Cancelled):
        assert call.work.cancelled
    elif isinstance(call._error, DeadlineExceeded):
        assert call.work.expired
    else:
        assert isinstance(call._error, ModelFailure | Unavailable)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
