"""How fast the device has been of late, and what requests have cost of late."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_KEPT: Final = 0.9
"""What is left of the weight of a measurement after the next one."""
_STALE: Final = 5.0
"""Seconds after which a rate says little: whoever took cores or memory away may be gone."""
_MOST_KINDS: Final = 256


class Ratio:
    """One sum over another, as they were of late."""

    def __init__(self) -> None:
        self._part = 0.0
        self._whole = 0.0

    @property
    def value(self) -> float | None:
        """``None`` before anything was measured."""
        return self._part / self._whole if self._whole > 0 else None

    def add(self, part: float, whole: float) -> None:
        # Sums, not an average of ratios: what is small then has a small say.
        self._part = self._part * _KEPT + part
        self._whole = self._whole * _KEPT + whole


class Rate:
    """Tokens a second, an average that forgets. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._ratio = Ratio()
        self._measured = float("-inf")

    @property
    def value(self) -> float | None:
        """Tokens a second; ``None`` before anything was measured."""
        return self._ratio.value

    def is_stale(self, now: float) -> bool:
        """Whether nothing was measured for a while."""
        return now - self._measured > _STALE

    def add(self, tokens: int, seconds: float, now: float) -> None:
        if self.is_stale(now):
            self._ratio = Ratio()
        self._ratio.add(tokens, seconds)
        self._measured = now


class Kinds:
    """What requests of a kind have cost of the device, for each token that they reserved.

    A request does not know which models it will use, nor how much its first stages leave to the
    later ones. Those before it of its kind did.
    """

    def __init__(self) -> None:
        self._all = Ratio()
        self._kinds: OrderedDict[str, Ratio] = OrderedDict()

    def cost(self, kind: str) -> float | None:
        """Of a token of this kind; ``None`` where none of it has ended yet."""
        ratio = self._kinds.get(kind)
        return None if ratio is None else ratio.value

    @property
    def usual_cost(self) -> float:
        """Of a token of any kind."""
        value = self._all.value
        return 1.0 if value is None else value

    def add(self, kind: str, cost: float, reserved: int) -> None:
        """Note what a request has cost that reserved so many tokens."""
        self._all.add(cost, reserved)
        self._kinds.setdefault(kind, Ratio()).add(cost, reserved)
        self._kinds.move_to_end(kind)
        if len(self._kinds) > _MOST_KINDS:
            self._kinds.popitem(last=False)
