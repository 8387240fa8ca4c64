"""Who may use the device, and how much of it: admission and turns."""

from __future__ import annotations

from collections import Counter

from compressors.errors import InvalidInput, Overloaded
from compressors.work import Work

_SHORTEST_RETRY, _LONGEST_RETRY, _UNKNOWN_RETRY = 0.05, 60.0, 1.0


class _Account:
    """What one request claims: the more of what it reserved and what it has in the queue."""

    def __init__(self) -> None:
        self.admitted = False
        self.reserved = 0
        self.submitted = 0
        self.tag = 0

    @property
    def claim(self) -> int:
        return max(self.reserved, self.submitted)


class Ledger:
    """One account for each request that holds a reservation or has items on their way."""

    def __init__(self, max_tokens: int) -> None:
        self.rejected: Counter[str] = Counter()
        self._max_tokens = max_tokens
        self._accounts: dict[Work, _Account] = {}
        self._turn = 0

    @property
    def claimed(self) -> int:
        """Tokens that are promised to someone and not computed yet."""
        return sum(account.claim for account in self._accounts.values())

    def reserve(self, work: Work, tokens: int, rate: float | None) -> None:
        """Admit a request that will submit about so many tokens. Raises ``Overloaded``."""
        if tokens < 0:
            raise InvalidInput("tokens", f"below 0: {tokens}")
        if self._account(work).admitted:
            raise InvalidInput("work", "it is admitted already")
        self._check(work, tokens, rate)
        account = self._accounts.setdefault(work, _Account())
        account.admitted, account.reserved = True, tokens

    def release(self, work: Work) -> None:
        """Give back what is left of a reservation."""
        account = self._account(work)
        account.admitted, account.reserved = False, 0
        self._forget(work, account)

    def submit(self, work: Work, tokens: int, rate: float | None) -> None:
        """Note tokens on their way. Raises ``Overloaded``, but not to who was admitted."""
        if not self._account(work).admitted:
            self._check(work, tokens, rate)
        self._accounts.setdefault(work, _Account()).submitted += tokens

    def settle(self, work: Work, tokens: int) -> None:
        """Note tokens that are computed, or never will be."""
        account = self._accounts[work]
        account.submitted -= tokens
        account.reserved = max(0, account.reserved - tokens)
        self._forget(work, account)

    def next_tag(self, work: Work, tokens: int) -> int:
        """The turn of the next item of a request.

        Self-clocked fair queueing: requests that wait get equal shares of the device in tokens,
        so a small one passes a large one. Deadlines play no part, or whoever sets a short one
        would buy himself a place in front.
        """
        account = self._accounts[work]
        account.tag = max(self._turn, account.tag) + tokens
        return account.tag

    def serve(self, tag: int) -> None:
        """Note whose turn it is now."""
        self._turn = max(self._turn, tag)

    def _check(self, work: Work, tokens: int, rate: float | None) -> None:
        claimed = self.claimed
        # A request above the limit gets its turn when nothing else waits: no size is refused for
        # ever. Its rows exist already, so cutting it into slices would bound nothing.
        if claimed and claimed + tokens > self._max_tokens:
            self.rejected["queue_full"] += 1
            over = min(claimed, claimed + tokens - self._max_tokens)
            raise Overloaded(
                f"{claimed} tokens wait, {tokens} more are over {self._max_tokens}",
                retry_after=_UNKNOWN_RETRY if rate is None else _retry_after(over / rate),
            )

        wait = 0.0 if rate is None else self._ahead(work, tokens) / rate
        remaining = work.remaining
        if remaining is not None and wait > remaining:
            self.rejected["deadline"] += 1
            raise Overloaded(
                f"the wait would be {wait:.2f} s, {remaining:.2f} s are left",
                retry_after=_retry_after(wait - remaining),
            )

    def _ahead(self, work: Work, tokens: int) -> int:
        # As turns are fair, another request gets about as much as this one, and no more, before
        # this one is done.
        return sum(
            min(tokens, account.claim)
            for other, account in self._accounts.items()
            if other is not work
        )

    def _account(self, work: Work) -> _Account:
        return self._accounts.get(work, _Account())

    def _forget(self, work: Work, account: _Account) -> None:
        if not account.admitted and not account.submitted:
            self._accounts.pop(work, None)


def _retry_after(seconds: float) -> float:
    return min(max(seconds, _SHORTEST_RETRY), _LONGEST_RETRY)
