"""How large batches are, and how much may wait."""

from __future__ import annotations

from dataclasses import dataclass, fields


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

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name} is below 1: {getattr(self, field.name)}")

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
