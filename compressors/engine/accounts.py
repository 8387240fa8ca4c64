"""What requests claim of the device, and in which order they will be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from compressors.work import Work


@dataclass(slots=True)
class Account:
    """What one request claims: the more of what it reserved and what it has on its way."""

    start: float = 0.0
    """The point of its group's clock at which it came, in cost."""
    kind: str = ""
    admitted: bool = False
    asked: int = 0
    reserved: int = 0
    reserved_cost: float = 0.0
    submitted: int = 0
    submitted_cost: float = 0.0
    running_cost: float = 0.0
    """The part of what is on its way that the device works on."""
    paid: int = 0
    """Tokens taken from the tenant's quota."""
    computed: int = 0
    computed_cost: float = 0.0
    is_cut: bool = False
    """Whether some of its rows were never computed."""

    @property
    def claim(self) -> int:
        return max(self.reserved, self.submitted)

    @property
    def cost(self) -> float:
        return max(self.reserved_cost, self.submitted_cost)

    @property
    def waiting_cost(self) -> float:
        return self.cost - self.running_cost

    @property
    def due(self) -> float:
        """The point of the clock at which it would be done, if it had its share."""
        return self.start + self.computed_cost + self.cost


@dataclass(slots=True)
class Group:
    """The requests of one tenant and class, who have their turns in the order of ``due``.

    The same order as that of ``turns``, but for what is reserved and not only for what waits.
    """

    accounts: dict[Work, Account] = field(default_factory=dict)
    clock: float = 0.0

    @property
    def waiting_cost(self) -> float:
        return sum(account.waiting_cost for account in self.accounts.values())

    def open(self, work: Work) -> Account:
        """The account of a request, a new one if it has none."""
        return self.accounts.setdefault(work, Account(self.clock))

    def begin(self, work: Work, cost: float) -> None:
        """Note that the device works on some of what is on its way."""
        account = self.accounts[work]
        account.running_cost += cost
        self.clock = max(self.clock, account.start + account.computed_cost + account.running_cost)

    def before(self, work: Work, own: float) -> float:
        """What is computed of the others before ``own`` more of a request is."""
        due = self._due(work, own)
        others = [each for other, each in self.accounts.items() if other is not work]
        before = sum(each.waiting_cost for each in others if each.due <= due)
        # Every second batch is made around the oldest row, whatever its turn.
        after = sum(each.waiting_cost for each in others if each.due > due)
        return before + min(before + own, after)

    def passed(self, work: Work, own: float) -> Sequence[tuple[Work, float]]:
        """Whom a request would pass with ``own`` more, and what is computed until each is done."""
        due, need, passed = self._due(work, own), 0.0, []
        for other, each in sorted(self.accounts.items(), key=lambda pair: pair[1].due):
            need += each.waiting_cost
            if each.due > due and other is not work:
                passed.append((other, need))
        return passed

    def _due(self, work: Work, own: float) -> float:
        account = self.accounts.get(work)
        return (self.clock if account is None else account.due) + own
