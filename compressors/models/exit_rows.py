"""A row of token ids for every sentence of a document, however long the document is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Final

from compressors.errors import InvalidInput, ModelFailure
from compressors.models.exit_prompt import Prompt, PromptTokenizer, context_of, sentences_of
from compressors.models.tokenization import Tokens
from compressors.protocols import Encoded, Pieces
from compressors.work import current

_SLACK: Final = 16
"""Tokens that texts may have more together than apart."""
_AT_ONCE: Final = 32

_log = logging.getLogger(__name__)


class Rows:
    """Makes prompts of at most ``max_tokens`` tokens.

    Where a document is too long, a sentence is read in a window of it that has the sentence in
    its middle, after the title; sentence and query are never cut.
    """

    def __init__(self, tokenizer: PromptTokenizer, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._windowed = 0

    @property
    def windowed(self) -> int:
        """How many prompts so far showed only a window of their document."""
        return self._windowed

    def of(self, query: str, document: Pieces) -> Iterator[Encoded]:
        """One row for each sentence that is not blank, in order.

        Raises ``InvalidInput`` where the query, ``ModelFailure`` where a sentence does not fit.
        """
        context = context_of(document.title, document.text)
        room = self._max_tokens - _SLACK - len(self._tokenizer.tokens(context))
        window: _Window | None = None
        windowed = 0
        places = [place for place, text in enumerate(sentences_of(document)) if text]
        for first in range(0, len(places), _AT_ONCE):
            current().check()
            some = places[first : first + _AT_ONCE]
            sentences = [sentence_at(document, place) for place in some]
            bare = self._lengths(query, sentences)
            fitting = [text for text, size in zip(sentences, bare, strict=True) if size <= room]
            whole = iter(self._tokenizer.encode([Prompt(query, context, s) for s in fitting]))
            for place, size in zip(some, bare, strict=True):
                if size <= room:
                    yield next(whole)
                    continue
                windowed += 1
                window = window or _Window(self._tokenizer, query, document, self._max_tokens)
                yield window.row(place, size)
        self._note(windowed, len(places))

    def _lengths(self, query: str, sentences: list[str]) -> list[int]:
        rows = self._tokenizer.encode([Prompt(query, "", sentence) for sentence in sentences])
        return [len(row) for row in rows]

    def _note(self, windowed: int, sentences: int) -> None:
        if not windowed:
            return
        with self._lock:
            self._windowed += windowed
        _log.info(
            "a document does not fit into %d tokens: %d of %d sentences are read in a window of it",
            self._max_tokens,
            windowed,
            sentences,
        )


def sentence_at(document: Pieces, place: int) -> str:
    start, end = document.ranges[place]
    return document.text[start:end].strip()


class _Window:
    """Rows for the sentences of one document that is too long."""

    def __init__(
        self, tokenizer: PromptTokenizer, query: str, document: Pieces, max_tokens: int
    ) -> None:
        self._tokenizer = tokenizer
        self._query = query
        self._document = document
        self._max_tokens = max_tokens
        self._tokens = tokenizer.tokens(document.text)
        self._title = len(tokenizer.tokens(f"{document.title.strip()}\n"))

    def row(self, place: int, bare: int) -> Encoded:
        """The prompt of the range at ``place``, which takes ``bare`` tokens without a context."""
        sentence = sentence_at(self._document, place)
        room = self._max_tokens - bare
        # Better a few words around the sentence than a title that leaves no place for them.
        title = self._document.title if room > 2 * self._title else ""
        room -= self._title if title else 0
        while room >= 0:
            start, end = centred(self._tokens, self._document.ranges[place], room)
            context = context_of(title, self._document.text[start:end])
            row = self._tokenizer.encode([Prompt(self._query, context, sentence)])[0]
            if len(row) <= self._max_tokens:
                return row
            room -= max(1, len(row) - self._max_tokens)
        raise self._refusal(bare)

    def _refusal(self, bare: int) -> InvalidInput | ModelFailure:
        question = len(self._tokenizer.encode([Prompt(self._query, "", "")])[0])
        if question > self._max_tokens // 2:
            problem = f"with the prompt it has {question} of {self._max_tokens} tokens"
            return InvalidInput("query", f"too long for the model: {problem}")
        return ModelFailure(f"a sentence has {bare} of the model's {self._max_tokens} tokens")


def centred(tokens: Tokens, sentence: tuple[int, int], room: int) -> tuple[int, int]:
    """The characters of at most ``room`` tokens with the sentence in their middle."""
    import numpy as np

    first = int(np.searchsorted(tokens.ends, sentence[0], side="right"))
    last = int(np.searchsorted(tokens.starts, sentence[1], side="left"))
    left = max(0, min((first + last - room) // 2, len(tokens) - room))
    right = min(len(tokens), left + room)
    if left >= right:
        return 0, 0
    return int(tokens.starts[left]), int(tokens.ends[right - 1])
