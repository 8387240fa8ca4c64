"""Show a text with what was kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from condensery import Span

if TYPE_CHECKING:
    from rich.text import Text

KEPT = "bold green"
DROPPED = "dim"
OPEN, CLOSE = "⟦", "⟧"


def highlighted(text: str, spans: Sequence[Span], *, marks: bool = False) -> Text:
    """The whole text, kept spans in one style and the rest in another.

    ``marks`` puts brackets around the spans, for a terminal without styles.
    """
    from rich.text import Text

    shown = Text()
    end = 0
    for span in spans:
        shown.append(text[end : span.start], DROPPED)
        kept = text[span.start : span.end]
        shown.append(f"{OPEN}{kept}{CLOSE}" if marks else kept, KEPT)
        end = span.end
    shown.append(text[end:], DROPPED)
    return shown
