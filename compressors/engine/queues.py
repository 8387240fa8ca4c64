"""What waits for the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from compressors.engine.calls import Call, Item
from compressors.engine.turns import TenantTurns, merged
from compressors.work import Work

_MANY: Final = 256


class Queue:
    """The rows of one class, by turns: equal shares for tenants, and within each as ``turns`` says.

    Deadlines play no part, or whoever sets a short one would buy himself a place in front.
    Forming a batch takes a step for each tenant and request that it knows, which are few beside
    their rows, and log(requests) for each row that it looks at; whatever else is done with a row
    does not depend on how many wait.
    """

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter()
        """By model."""
        self.items: Counter[str] = Counter()
        """How many, by model."""
        self._tenants: dict[str, TenantTurns] = {}
        self._clock = 0.0

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return any(tenant.waits for tenant in self._tenants.values())

    def __iter__(self) -> Iterator[Item]:
        requests = chain.from_iterable(each.requests.values() for each in self._tenants.values())
        return chain.from_iterable(requests)

    @property
    def first(self) -> Item:
        """Whose turn it is."""
        return self._next.first

    def add(self, item: Item, *, lead: float) -> None:
        """Add an item that is younger than all others. ``lead`` is that of its later stages."""
        if item.work.tenant not in self._tenants:
            self._make_room()
        tenant = self._tenants.setdefault(item.work.tenant, TenantTurns())
        tenant.add(item, clock=self._clock, lead=lead)
        self.tokens[item.call.model] += item.tokens
        self.items[item.call.model] += 1

    def window(self, first: Item, tokens: int) -> Sequence[Item]:
        """``first``, then those for its model whose turn comes soonest, of ``tokens`` together."""
        model = first.call.model
        window, taken = [first], first.tokens
        lines = [(tenant.had, tenant.by_turn(model)) for tenant in self._tenants.values()]
        for item in merged(lines):
            if taken >= tokens:
                break
            if item is not first:
                window.append(item)
                taken += item.tokens
        return window

    def take(self, first: Item, items: Sequence[Item]) -> None:
        """Take out a batch that was made around ``first``, whose turn it was."""
        tenant = self._tenants[first.work.tenant]
        self._clock = max(self._clock, tenant.had)
        tenant.serve()
        for item in items:
            self._remove(item)
            self._tenants[item.work.tenant].pay(item)

    def drop(self, call: Call) -> list[Item]:
        """Take out all items of a call, and give them."""
        tenant = self._tenants.get(call.work.tenant, TenantTurns())
        request = tenant.requests.get(call.work, ())
        dropped = [item for item in request if item.call is call]
        for item in dropped:
            self._remove(item)
        return dropped

    def forget(self, work: Work) -> None:
        """Note that nothing more comes of a request; nothing of it waits."""
        tenant = self._tenants.get(work.tenant)
        if tenant is not None:
            tenant.requests.pop(work, None)

    @property
    def _next(self) -> TenantTurns:
        waiting = (tenant for tenant in self._tenants.values() if tenant.waits)
        return min(waiting, key=lambda tenant: (tenant.had, tenant.oldest.number))

    def _remove(self, item: Item) -> None:
        self._tenants[item.work.tenant].remove(item)
        self.tokens[item.call.model] -= item.tokens
        self.items[item.call.model] -= 1

    def _make_room(self) -> None:
        # A tenant who is gone is remembered, or he could come back as one who has had nothing.
        # With so many of them each has had next to nothing.
        if len(self._tenants) >= _MANY:
            self._tenants = {name: each for name, each in self._tenants.items() if each.requests}
