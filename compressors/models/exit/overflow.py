"""What a sentence is read in where its document is too long for the model.

Source: spec/exit.md 1.7, E8. Sentence and query are never cut.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from compressors.errors import InvalidInput
from compressors.models.exit.prompt import PromptTokenizer, context_of

if TYPE_CHECKING:
    from compressors.models.tokenization import Tokens
    from compressors.protocols import Pieces

_GRID: Final = 16
"""Windows begin at every 16th of their length, so that neighbouring sentences share one."""


class Overflow(Enum):
    """What to do with a document that is too long."""

    WINDOW = "window"
    """Read each sentence in a window of the document that has it in the middle, with the title."""
    HEAD_TAIL = "head-tail"
    """Read all in the document's beginning and end, with a line break for what lies between."""
    ERROR = "error"
    """Refuse the request, as the authors' final code does."""


class Contexts(Protocol):
    """What the sentences of one document are read in."""

    def at(self, place: int, room: int) -> str:
        """For the sentence at ``place``, at most about ``room`` tokens."""
        ...


def contexts(overflow: Overflow, tokenizer: PromptTokenizer, document: Pieces) -> Contexts:
    """Raises ``InvalidInput`` where a document that is too long is refused."""
    if overflow is Overflow.WINDOW:
        return Windows(tokenizer, document)
    whole = context_of(document.title, document.text)
    if overflow is Overflow.HEAD_TAIL:
        return HeadAndTail(whole, tokenizer.tokens(whole))
    problem = f"a document of {len(tokenizer.tokens(whole))} tokens is too long for the prompt"
    raise InvalidInput("documents", problem)


class Windows:
    """Windows of a document's body, after its title."""

    def __init__(self, tokenizer: PromptTokenizer, document: Pieces) -> None:
        self._document = document
        self._tokens = tokenizer.tokens(document.text)
        self._title = len(tokenizer.tokens(f"{document.title.strip()}\n"))

    def at(self, place: int, room: int) -> str:
        document = self._document
        # Better a few words around the sentence than a title that leaves no place for them.
        title = document.title if room > 2 * self._title else ""
        room -= self._title if title.strip() else 0
        start, end = centred(self._tokens, document.ranges[place], room)
        return context_of(title, document.text[start:end])


class HeadAndTail:
    """A document's beginning and end, half of the room each."""

    def __init__(self, context: str, tokens: Tokens) -> None:
        self._context = context
        self._tokens = tokens

    def at(self, place: int, room: int) -> str:
        tail = room // 2
        head = room - tail
        if tail < 1:
            return ""
        first, last = int(self._tokens.ends[head - 1]), int(self._tokens.starts[-tail])
        return f"{self._context[:first]}\n{self._context[last:]}"


def centred(tokens: Tokens, sentence: tuple[int, int], room: int) -> tuple[int, int]:
    """The characters of at most ``room`` tokens with the sentence near their middle.

    It is off the middle by at most a 32nd of the room, or as far as the text's ends make it.
    """
    import numpy as np

    first = int(np.searchsorted(tokens.ends, sentence[0], side="right"))
    last = int(np.searchsorted(tokens.starts, sentence[1], side="left"))
    step = max(1, room // _GRID)
    left = round((first + last - room) / 2 / step) * step
    left = max(0, min(left, len(tokens) - room))
    right = min(len(tokens), left + room)
    if left >= right:
        return 0, 0
    return int(tokens.starts[left]), int(tokens.ends[right - 1])
