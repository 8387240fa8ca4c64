"""Tell a device that hangs from one that works, or that nobody let work."""

from __future__ import annotations

from typing import Final

_LOOKS: Final = 10
_RAREST: Final = 1.0


class Patience:
    """How long a device may stand still while somebody waits, in seconds.

    To be asked every ``pause`` seconds. Each look counts for one pause at most, whatever the clock
    says: after a process was stopped, as by SIGSTOP or with its machine, everything in it has
    stood still alike, and the device has to be given its time again.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.pause = min(_RAREST, seconds / _LOOKS)
        self._seen = 0.0

    def ends(self, stalled: float) -> bool:
        """Whether it is over, given for how long the clock says that the device has stood still."""
        self._seen = min(stalled, self._seen + self.pause)
        return self._seen >= self.seconds
