"""What a user would otherwise take to shorten retrieved documents, each as a ``Method``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from compressors.budget import Counter
from evaluation.baselines.methods import METHODS, Tools
from evaluation.values import Method

NAMES: Final[tuple[str, ...]] = tuple(METHODS)
"""What ``baselines`` knows; the order is the one in which tables show them."""


def baselines(names: Sequence[str], counter: Counter) -> list[Method]:
    """The methods of these names, in this order; those that need MiniLM share one.

    ``counter`` counts the budgets' tokens. Raises a ``ValueError`` for an unknown name, and
    ``Unavailable`` where a package is not installed, before anything is shortened.
    """
    if unknown := [name for name in names if name not in METHODS]:
        known = ", ".join(NAMES)
        raise ValueError(f"there is no method {', '.join(unknown)}; there are {known}")
    tools = Tools(counter)
    return [METHODS[name](tools) for name in names]
