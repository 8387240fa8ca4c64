"""How large batches are, how much may wait, and who may have how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_SIZES: Final = ("batch_tokens", "launch_tokens", "lookahead", "max_queued_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Sizes in tokens; the defaults suit a CPU."""

    batch_tokens: int = 2_048
    """What a batch may cost, padding included: its longest row times its rows."""

    launch_tokens: int = 16
    """What starting a batch costs, in tokens of computing.

    So much padding a row may bring into a batch; beyond that it is cheaper to let it wait for a
    batch of its own size. Measured with MiniLM on one CPU core: 8 and 16 pad 3 and 5 % and do
    3,180 tokens a second, 64 pads 17 % and does 2,870.
    """

    lookahead: int = 4
    """How many batches' worth of waiting rows are sorted by length to form one."""

    max_queued_tokens: int = 262_144
    """What may wait or be reserved before requests are refused."""

    bulk_share: float = 0.1
    """What bulk requests get of the device, at the least, while interactive ones wait."""

    tenant_tokens_per_minute: int = 0
    """What a tenant may compute; 0: as much as there is."""

    tenant_quotas: Mapping[str, int] = field(default_factory=dict, hash=False)
    """The same for single tenants."""

    def __post_init__(self) -> None:
        for name in _SIZES:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is below 1: {getattr(self, name)}")
        if not 0 < self.bulk_share < 1:
            raise ValueError(f"bulk_share is not in (0, 1): {self.bulk_share}")
        if min([self.tenant_tokens_per_minute, *self.tenant_quotas.values()]) < 0:
            raise ValueError("a tenant's tokens per minute are below 0")

    @classmethod
    def for_device(cls, device: str) -> EngineSettings:
        """The defaults for ``"cpu"`` or a CUDA device, such as ``"cuda:0"``.

        On a CPU large batches gain nothing and cost latency. A GPU is idle without them: starting
        a small model takes it as long as some thousand tokens do, so padding is cheap there;
        that is arithmetic, not measured yet.
        """
        if not device.startswith("cuda"):
            return cls()
        return cls(batch_tokens=16_384, launch_tokens=4_096, max_queued_tokens=4_194_304)
