"""Who is let in: what is promised to whom, and how long that will take."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compressors.engine.accounts import Account, Group
from compressors.engine.quotas import Quotas
from compressors.engine.rates import Kinds
from compressors.engine.settings import EngineSettings
from compressors.errors import InvalidInput, Overloaded, QuotaExceeded
from compressors.work import Work

_CAUTION = 0.1
"""What a wait may take longer, as a share: starting batches, and what is done between them."""
_UNKNOWN_RETRY = 1.0


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, and what they take of the device: tokens of the fastest model."""

    tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the device is."""

    rate: float | None
    """Cost a second; ``None`` before anything was measured."""
    is_stale: bool = False
    """Whether that was measured a while ago."""
    batch: float = 0.0
    """What a full batch costs."""


class Ledger:
    """One account for each request that holds a reservation or has rows on their way."""

    def __init__(
        self, settings: EngineSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rejected: Counter[str] = Counter()
        self.claimed = 0
        """Tokens that are promised to someone and not computed yet."""
        self._max_tokens = settings.max_queued_tokens
        self._bulk_share = settings.bulk_share
        self._quotas = Quotas(settings.tenant_tokens_per_minute, settings.tenant_quotas, clock)
        self._kinds = Kinds()
        self._groups: defaultdict[tuple[bool, str], Group] = defaultdict(Group)
        self._cost = self._running_cost = 0.0

    def reserve(self, work: Work, tokens: int, pace: Pace, *, kind: str = "") -> None:
        """Admit a request that will submit about so many tokens. Raises ``Overloaded``."""
        if tokens < 0:
            raise InvalidInput("tokens", f"below 0: {tokens}")
        account = self._account(work) or Account()
        if account.admitted:
            raise InvalidInput("work", "it is admitted already")
        amount = self._amount(tokens, kind)
        self._check(work, amount, pace, counts_own=self._kinds.cost(kind) is not None)

        account = self._open(work)
        account.admitted, account.kind, account.asked = True, kind, tokens
        self._pay(work, account, tokens)
        self._reserve(account, amount)

    def release(self, work: Work) -> None:
        """Give back what is left of a reservation."""
        account = self._open(work)
        account.admitted = False
        self._reserve(account, Amount(0, 0.0))
        self._close(work, account)

    def submit(self, work: Work, amount: Amount, pace: Pace) -> None:
        """Note rows on their way. Raises ``Overloaded``, but not to who was admitted."""
        account = self._account(work)
        if account is None or not account.admitted:
            self._check(work, amount, pace, counts_own=True)
            account = self._open(work)
            self._pay(work, account, amount.tokens)
        self._count(account, -1)
        account.submitted += amount.tokens
        account.submitted_cost += amount.cost
        self._count(account, 1)

    def begin(self, work: Work, cost: float) -> None:
        """Note that the device works on some of what is on its way."""
        self._groups[work.bulk, work.tenant].begin(work, cost)
        self._running_cost += cost

    def settle(self, work: Work, amount: Amount, *, computed: bool) -> None:
        """Note rows that are computed, as was begun, or never will be."""
        account = self._open(work)
        self._count(account, -1)
        account.submitted -= amount.tokens
        account.submitted_cost -= amount.cost
        account.reserved = max(0, account.reserved - amount.tokens)
        account.reserved_cost = max(0.0, account.reserved_cost - amount.cost)
        self._count(account, 1)
        if computed:
            account.running_cost -= amount.cost
            self._running_cost -= amount.cost
            account.computed += amount.tokens
            account.computed_cost += amount.cost
        else:
            account.is_cut = True
        self._close(work, account)

    def expected(
        self, work: Work, tokens: int, pace: Pace, *, kind: str
    ) -> tuple[float, float] | None:
        """Seconds that a request will wait for the device, and have of it; ``None`` if unknown.

        What an admitted one will have is what it has reserved, what another one will, ``tokens``.
        """
        if pace.rate is None:
            return None
        account, more = self._account(work), self._amount(tokens, kind).cost
        more, own = (more, more) if account is None else (0.0, account.waiting_cost)
        return self._wait(work, more, own) / pace.rate, own / pace.rate

    def knows(self, work: Work) -> bool:
        """Whether there is an account of a request."""
        return self._account(work) is not None

    @property
    def has_interactive(self) -> bool:
        """Whether a request that is not bulk has an account."""
        return any(not bulk for bulk, _ in self._groups)

    def _check(self, work: Work, amount: Amount, pace: Pace, *, counts_own: bool) -> None:
        try:
            self._quotas.check(work.tenant, amount.tokens)
        except QuotaExceeded:
            self.rejected["quota"] += 1
            raise
        self._check_room(amount.tokens, pace)
        self._check_time(work, amount.cost, pace, counts_own=counts_own)

    def _amount(self, tokens: int, kind: str) -> Amount:
        cost = self._kinds.cost(kind)
        return Amount(tokens, tokens * (self._kinds.usual_cost if cost is None else cost))

    def _check_room(self, tokens: int, pace: Pace) -> None:
        # A request above the limit gets its turn when nothing else waits: no size is refused for
        # ever. Its rows exist already, so cutting it into slices would bound nothing.
        if self.claimed and self.claimed + tokens > self._max_tokens:
            self.rejected["queue_full"] += 1
            over = min(self.claimed, self.claimed + tokens - self._max_tokens)
            cost = over * self._cost / self.claimed
            raise Overloaded(
                f"{self.claimed} tokens wait, {tokens} more are over {self._max_tokens}",
                retry_after=_UNKNOWN_RETRY if pace.rate is None else cost / pace.rate,
            )

    def _check_time(self, work: Work, own: float, pace: Pace, *, counts_own: bool) -> None:
        if pace.rate is None or (pace.is_stale and not self.claimed):
            # The last measurement may have been of a device that somebody else used as well. If
            # it was a while ago, whoever comes to an idle device is the next one: refusing all
            # would make it last for ever.
            return
        # Of a kind that was never seen only the wait is known. Counting every token that it
        # reserves would refuse some that are quick, and so never find out.
        counted = own if counts_own else 0.0
        self._check_left(work, self._wait(work, own, own), counted, pace)
        # Whom it would pass was told that he will be done in time. Who will not be anyway is no
        # reason to refuse others.
        waiting = self._waiting()
        for other, need in self._group(work).passed(work, own):
            until = self._until(other, need, waiting)
            if other.remaining is not None and until / pace.rate <= other.remaining:
                self._check_left(other, until + counted, 0.0, pace)

    def _check_left(self, work: Work, wait: float, own: float, pace: Pace) -> None:
        remaining = work.remaining
        if remaining is None or pace.rate is None:
            return
        # Its last rows may be in a batch with those of others, which ends for all at once. As many
        # as wait now will have come until then, not more.
        margin = wait * _CAUTION + min(wait, pace.batch)
        seconds = (wait + own + margin) / pace.rate
        if seconds > remaining:
            self.rejected["deadline"] += 1
            raise Overloaded(
                f"it may take {seconds:.2f} s, {remaining:.2f} s are left",
                retry_after=seconds - remaining,
            )

    def _wait(self, work: Work, more: float, own: float) -> float:
        """What is computed of others before ``own`` of a request is, of which ``more`` is new."""
        need = self._group(work).before(work, more) + own
        return self._until(work, need, self._waiting()) - own

    def _group(self, work: Work) -> Group:
        return self._groups.get((work.bulk, work.tenant), Group())

    def _waiting(self) -> Mapping[tuple[bool, str], float]:
        return {key: group.waiting_cost for key, group in self._groups.items()}

    def _until(self, work: Work, need: float, waiting: Mapping[tuple[bool, str], float]) -> float:
        """What is computed until ``need`` is of those of its class and tenant, from now on."""
        peers = others = 0.0
        for (bulk, tenant), cost in waiting.items():
            if bulk != work.bulk:
                others += cost
            elif tenant != work.tenant:
                # Another tenant gets about as much as this one, and no more, until this is done.
                peers += min(need, cost)
        share = 1 - self._bulk_share if work.bulk else self._bulk_share
        total = need + peers
        return self._running_cost + total + min(others, total * share / (1 - share))

    def _reserve(self, account: Account, amount: Amount) -> None:
        self._count(account, -1)
        account.reserved, account.reserved_cost = amount.tokens, amount.cost
        self._count(account, 1)

    def _count(self, account: Account, sign: int) -> None:
        self.claimed += sign * account.claim
        self._cost += sign * account.cost

    def _pay(self, work: Work, account: Account, tokens: int) -> None:
        account.paid += tokens
        self._quotas.take(work.tenant, tokens)

    def _account(self, work: Work) -> Account | None:
        return self._group(work).accounts.get(work)

    def _open(self, work: Work) -> Account:
        return self._groups[work.bulk, work.tenant].open(work)

    def _close(self, work: Work, account: Account) -> None:
        if account.admitted or account.submitted:
            return
        self._count(account, -1)
        group = self._groups[work.bulk, work.tenant]
        del group.accounts[work]
        if not group.accounts:
            del self._groups[work.bulk, work.tenant]
        if not self._groups:
            # What rounding has left of sums that are 0.
            self._cost = self._running_cost = 0.0
        # A quota is of what is computed, not of what a request guessed that it would need.
        self._quotas.take(work.tenant, account.computed - account.paid)
        if account.asked and not (account.is_cut or work.expired):
            self._kinds.add(account.kind, account.computed_cost, account.asked)
