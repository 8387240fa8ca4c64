"""How fast the device has been of late."""

from __future__ import annotations

_KEPT = 0.9
"""What is left of a batch's weight after the next one."""


class Rate:
    """Tokens a second, an average that forgets."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._seconds = 0.0

    @property
    def value(self) -> float | None:
        """Tokens a second; ``None`` before anything was measured."""
        return self._tokens / self._seconds if self._seconds > 0 else None

    def add(self, tokens: int, seconds: float) -> None:
        # Sums, not an average of ratios: a small batch then has a small say.
        self._tokens = self._tokens * _KEPT + tokens
        self._seconds = self._seconds * _KEPT + seconds
