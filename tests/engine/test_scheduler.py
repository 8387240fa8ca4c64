"""Laws of the scheduler, whatever happens in whatever order: one random history after another."""

from __future__ import annotations

from collections.abc import Sequence

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
from compressors.engine.calls import Call, Item, padded_tokens
from compressors.engine.scheduler import Scheduler
from compressors.engine.settings import EngineSettings
from compressors.errors import (
    Cancelled,
    DeadlineExceeded,
    ModelFailure,
    Overloaded,
    Unavailable,
)
from compressors.work import Work
from tests.engine.fakes import row

BUDGETS = {"small": 64, "large": 200}
LIMIT = 600
lengths = st.lists(st.integers(0, 90) | st.just(300), min_size=1, max_size=12)
some = st.integers(0, 5)


class Histories(RuleBasedStateMachine):
    """Requests come, are cancelled, late, served or failed; the fake device takes its time."""

    @initialize()
    def start(self) -> None:
        self.scheduler = Scheduler(
            EngineSettings(max_queued_tokens=LIMIT, launch_tokens=20, lookahead=2)
        )
        for model, budget in BUDGETS.items():
            self.scheduler.add(model, budget)
        self.works = [Work() for _ in range(6)]
        self.admitted: set[Work] = set()
        self.calls: list[Call] = []
        self.taken: set[Item] = set()
        self.answered: set[tuple[Call, int]] = set()
        self.running: list[Item] = []

    @rule(who=some, model=st.sampled_from(sorted(BUDGETS)), lengths=lengths)
    def submit(self, who: int, model: str, lengths: list[int]) -> None:
        call = Call(model, [row(length) for length in lengths], self.works[who], 0.0)
        before = self.scheduler.ledger.claimed
        tokens = sum(max(1, len(r)) for r in call.rows)
        try:
            self.scheduler.submit(call)
        except Overloaded as refusal:
            retry_after = refusal.retry_after
        else:
            assert call.work in self.admitted or before == 0 or before + tokens <= LIMIT
            self.calls.append(call)
            return
        assert call.work not in self.admitted
        assert 0 < before == self.scheduler.ledger.claimed
        assert before + tokens > LIMIT
        assert retry_after > 0

    @rule(who=some, tokens=st.integers(0, 400))
    def admit(self, who: int, tokens: int) -> None:
        work = self.works[who]
        if work in self.admitted:
            return
        try:
            self.scheduler.reserve(work, tokens)
        except Overloaded:
            assert self.scheduler.ledger.claimed + tokens > LIMIT
        else:
            self.admitted.add(work)

    @rule(who=some)
    def release(self, who: int) -> None:
        if self.works[who] in self.admitted:
            self.admitted.remove(self.works[who])
            self.scheduler.ledger.release(self.works[who])

    @rule(who=some, late=st.booleans(), awake=st.booleans())
    def abandon(self, who: int, late: bool, awake: bool) -> None:  # noqa: FBT001 - drawn
        """A request is over; its callers may or may not notice before the device does."""
        work = self.works[who]
        self.release(who)
        if late:
            work.deadline = 0.0
        else:
            work.cancel()
        if awake:
            for call in self.calls:
                if call.work is work:
                    self.scheduler.give_up(call)
        self.works[who] = Work()

    @rule()
    def prefetch(self) -> None:
        self.scheduler.prefetch()

    @precondition(lambda self: not self.running)
    @rule()
    def take(self) -> None:
        waiting = list(self.scheduler.items())
        formed_ahead = self.scheduler._prefetched is not None
        by_age = self.scheduler._by_age
        batch = self.scheduler.take()
        wanted = [item for item in waiting if not item.call.unwanted]
        if batch is None:
            assert not wanted
            return
        self._check(batch)
        if not formed_ahead:
            first = min(wanted, key=lambda item: item.number if by_age else item.order)
            assert first in batch.items
        self.taken.update(batch.items)
        self.running = list(batch.items)

    def _check(self, batch: Batch) -> None:
        assert padded_tokens(batch.items) <= BUDGETS[batch.model] or len(batch.items) == 1
        assert {item.call.model for item in batch.items} == {batch.model}
        assert not any(item.call.unwanted for item in batch.items)
        assert not self.taken.intersection(batch.items)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """A part of the running batch is answered, or its first item is at fault."""
        items = self.scheduler.wanted(self.running)
        self.running = []
        if not items:
            return
        part = list(items[: data.draw(st.integers(1, len(items)))])
        self.running = list(items[len(part) :])
        self.scheduler.computed(part, 0.01 * len(part))
        if data.draw(st.booleans()):
            self._answer(part)
        else:
            self.scheduler.fail(part[0], ModelFailure("broken"))
            self._answer(self.scheduler.wanted(part[1:]))

    def _answer(self, items: Sequence[Item]) -> None:
        for item in items:
            assert (item.call, item.index) not in self.answered
            self.answered.add((item.call, item.index))
        self.scheduler.answer(items, [len(item.row) for item in items])

    @rule()
    def die(self) -> None:
        self.scheduler.abort(Unavailable("dead"))
        self.running = []
        assert all(call.over for call in self.calls)

    @invariant()
    def the_counts_are_those_of_the_items(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        items = list(self.scheduler.items())
        assert len(set(items)) == len(items)
        queued = [item for item in items if item not in self.running]
        stats = self.scheduler.stats()
        assert sum(model.queued_items for model in stats) == len(queued)
        assert sum(model.queued_tokens for model in stats) == sum(i.tokens for i in queued)
        if not self.admitted:
            assert self.scheduler.ledger.claimed == sum(item.tokens for item in items)

    def teardown(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        for who in range(len(self.works)):
            self.release(who)
        self._answer(self.scheduler.wanted(self.running))
        while (batch := self.scheduler.take()) is not None:
            self._check(batch)
            self.taken.update(batch.items)
            self._answer(batch.items)
        for call in self.calls:
            assert call.over
            check_end(call)
        assert not list(self.scheduler.items())
        assert self.scheduler.ledger.claimed == 0
        assert not self.scheduler.ledger._accounts


def check_end(call: Call) -> None:
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
TestHistories.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
