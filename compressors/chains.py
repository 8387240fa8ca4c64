"""The chains that have a name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DEFAULT: Final = "default"

CHAINS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        DEFAULT: ("exit",),
        # All four methods, in the order in which they take ever smaller things away.
        "full": ("exit", "llmlingua2", "crag", "tcra-summary", "tcra-semantic"),
        "exit": ("exit",),
        "llmlingua2": ("llmlingua2",),
        "crag": ("crag",),
        "tcra": ("tcra-summary", "tcra-semantic"),
        # Sentences first, then words: the query is known to the first only.
        "fine": ("exit", "llmlingua2"),
        # Slices of the originals only: every word can be cited by its place.
        "extractive": ("exit", "llmlingua2", "tcra-semantic"),
    }
)
"""Stages by chain; the first chain is what a request gets that names none."""
