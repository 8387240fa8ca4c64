"""How much each tenant may compute in a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from compressors.errors import QuotaExceeded

_MINUTE: Final = 60.0
_MANY: Final = 1_024


class _Bucket:
    """Tokens that a tenant may compute now: at most a minute's worth; below 0 it is in debt."""

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self._level = float(limit)
        self._now = now

    def level(self, now: float) -> float:
        filled = (now - self._now) * self.limit / _MINUTE
        self._level, self._now = min(self.limit, self._level + filled), now
        return self._level

    def take(self, tokens: int, now: float) -> None:
        self._level = self.level(now) - tokens


class Quotas:
    """A token bucket for each tenant. ``default`` is for whom ``limits`` does not name; 0: none."""

    def __init__(self, default: int, limits: Mapping[str, int], clock: Callable[[], float]) -> None:
        self._default = default
        self._limits = limits
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def check(self, tenant: str, tokens: int) -> None:
        """Raise ``QuotaExceeded`` if a tenant may not compute so much now."""
        limit = self._limits.get(tenant, self._default)
        if not limit:
            return
        now = self._clock()
        # What is more than a minute's worth needs a full bucket, and leaves it in debt: no size is
        # refused for ever.
        missing = min(tokens, limit) - self._bucket(tenant, limit, now).level(now)
        # Less than a token is rounding.
        if missing >= 1:
            raise QuotaExceeded(
                f"{tokens} tokens are more than is left of the tenant's {limit} a minute",
                tenant=tenant,
                limit=limit,
                retry_after=missing * _MINUTE / limit,
            )

    def take(self, tenant: str, tokens: int) -> None:
        """Take tokens from what a tenant has, or give them back if below 0."""
        limit = self._limits.get(tenant, self._default)
        if limit:
            now = self._clock()
            self._bucket(tenant, limit, now).take(tokens, now)

    def _bucket(self, tenant: str, limit: int, now: float) -> _Bucket:
        bucket = self._buckets.get(tenant)
        if bucket is None:
            if len(self._buckets) >= _MANY:
                # A full bucket is as good as none.
                self._buckets = {
                    name: each
                    for name, each in self._buckets.items()
                    if each.level(now) < each.limit
                }
            bucket = self._buckets[tenant] = _Bucket(limit, now)
        return bucket
