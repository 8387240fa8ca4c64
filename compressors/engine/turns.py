"""Whose turn it is: equal shares for tenants, and within each who would be done first with them.

To give each request its share row by row would end all of them late: whoever comes would take
from those who are nearly done, and past the capacity nobody would be done in time. So whoever
would be done first, had all requests equal shares, has the device until he is done. None is
done later than by shares, a small request still passes a large one, and of those that are
alike who comes later delays nobody. (Friedman and Henderson, "Fairness and efficiency in web
server protocols", SIGMETRICS 2003.)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heapreplace
from itertools import chain

from compressors.engine.calls import Item
from compressors.work import Work


class RequestTurns:
    """What waits of one request, by model, and how much of the device it has had.

    ``had`` is a point of its tenant's clock, in cost. So a request that comes later has not missed
    anything, and one that waits has not lost anything. ``due`` is the point at which all that has
    come of it would be done, if it had its share.
    """

    def __init__(self) -> None:
        self.had = self.due = 0.0
        self.has_run = False
        self._has_led = False
        self._items: dict[str, OrderedDict[Item, None]] = {}

    @property
    def waits(self) -> bool:
        """Whether anything of it waits."""
        return bool(self._items)

    def __iter__(self) -> Iterator[Item]:
        return chain.from_iterable(self._items.values())

    @property
    def first(self) -> Item:
        return min(map(_first, self._items.values()), key=_age)

    def of(self, model: str) -> Iterable[Item]:
        """What waits for a model, the oldest first."""
        return self._items.get(model, ())

    def come(self, clock: float, lead: float) -> None:
        """Take a place among those who wait, where nothing waited.

        A later stage of a request that has run goes before new requests, so that it is done and
        gone: for ``lead`` in cost, once; then with what is left of that, or with what it did not
        use while it did not wait. More would let a large request hold up all small ones.
        """
        if not self.has_run:
            self.had = max(self.had, clock)
        elif self._has_led:
            self.had = max(self.had, clock - lead)
        else:
            self.had = clock - lead
            self._has_led = True
        self.due = self.had

    def add(self, item: Item) -> None:
        self.due += item.cost
        self._items.setdefault(item.call.model, OrderedDict())[item] = None

    def remove(self, item: Item) -> None:
        items = self._items[item.call.model]
        del items[item]
        if not items:
            del self._items[item.call.model]


class TenantTurns:
    """The requests of a tenant, and how much of the device they have had together."""

    def __init__(self) -> None:
        self.had = 0.0
        self.requests: dict[Work, RequestTurns] = {}
        self._clock = 0.0
        self._by_age = False
        self._items: OrderedDict[Item, None] = OrderedDict()

    @property
    def waits(self) -> bool:
        """Whether anything of it waits."""
        return bool(self._items)

    @property
    def oldest(self) -> Item:
        return _first(self._items)

    @property
    def first(self) -> Item:
        """Whose turn it is.

        Every second time it is the oldest, whatever its turn. Where new requests come faster than
        they are served, turns alone let them pass a long row for as long as they come; so it waits
        at most twice as long as it would first come, first served.
        """
        if self._by_age:
            return self.oldest
        return min(self._waiting, key=_turn).first

    def by_turn(self, model: str) -> Iterator[Item]:
        """What waits for a model, as the turns of the requests would have it."""
        for request in sorted(self._waiting, key=_turn):
            yield from request.of(model)

    def add(self, item: Item, *, clock: float, lead: float) -> None:
        request = self.requests.setdefault(item.work, RequestTurns())
        if not self.waits:
            self.had = max(self.had, clock - lead if request.has_run else clock)
        if not request.waits:
            request.come(self._clock, lead)
        request.add(item)
        self._items[item] = None

    def remove(self, item: Item) -> None:
        self.requests[item.work].remove(item)
        del self._items[item]

    def serve(self) -> None:
        """Note that a batch has been made around the item whose turn it was."""
        self._by_age = not self._by_age

    def pay(self, item: Item) -> None:
        """Note that an item gets the device."""
        request = self.requests[item.work]
        request.had += item.cost
        request.has_run = True
        self._clock = max(self._clock, request.had)
        self.had += item.cost

    @property
    def _waiting(self) -> Iterator[RequestTurns]:
        return (request for request in self.requests.values() if request.waits)


def merged(lines: Iterable[tuple[float, Iterable[Item]]]) -> Iterator[Item]:
    """The items of several lines, always the next one of the line that has had least.

    A line is what it has had and what waits in it; each item adds its cost.
    """
    heap: list[tuple[float, int, Item, Iterator[Item]]] = []
    for had, items in lines:
        rest = iter(items)
        first = next(rest, None)
        if first is not None:
            heap.append((had, first.number, first, rest))
    heapify(heap)
    while heap:
        had, _, item, rest = heap[0]
        yield item
        following = next(rest, None)
        if following is None:
            heappop(heap)
        else:
            heapreplace(heap, (had + item.cost, following.number, following, rest))


def _first(items: Iterable[Item]) -> Item:
    return next(iter(items))


def _turn(request: RequestTurns) -> tuple[float, int]:
    return request.due, request.first.number


def _age(item: Item) -> int:
    return item.number
