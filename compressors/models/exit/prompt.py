"""EXIT's prompt as token ids that a causal language model reads.

Source: arXiv 2412.12559, table 6, and the authors' code of 2026.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.models.tokenization import ThreadTokenizers, Tokens
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Pieces
from compressors.work import current

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

START, END = "<start_of_turn>", "<end_of_turn>"
_QUESTION: Final = 'Is this sentence useful in answering the query? Answer only "Yes" or "No".'


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to the model: whether this sentence, read in this context, helps this query."""

    query: str
    context: str
    sentence: str

    def text(self, start: str = START, end: str = END) -> str:
        """The paper's prompt, with what stands for the beginning and the end of a turn."""
        return f"{self.before(start)}{self.sentence}\n{_QUESTION}{end}\n{start}model\n"

    def before(self, start: str = START) -> str:
        """What comes before the sentence."""
        # Joined, not formatted: texts may hold braces.
        return f"{start}user\nQuery:\n{self.query}\nFull context:\n{self.context}\nSentence:\n"


def context_of(title: str, text: str) -> str:
    """What a sentence is read in: its own document, with the title on a line before it."""
    title, body = title.strip(), text.strip()
    return f"{title}\n{body}" if title else body


def sentences_of(document: Pieces) -> list[str]:
    """The sentences of a document, without white space around them; some may be empty."""
    return [document.text[start:end].strip() for start, end in document.ranges]


class PromptTokenizer:
    """Turns prompts into rows of token ids.

    Only the template's own markers become control tokens: while the tokenizer reads, strings that
    nobody can guess stand for them. So it reads a prompt in one piece, as in training, and a
    marker in a text of the user is text. The model's first token comes first; none comes last.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        nonce = secrets.token_hex(8)
        known = {text: token for token, text in vocabulary.controls.items()}
        stand_ins = {m: f"\u241e{nonce}{m}\u241e" for m in (START, END) if m in known}
        self._start = stand_ins.get(START, START)
        self._end = stand_ins.get(END, END)
        self._stand_ins = tuple(stand_ins.values())
        self._tokenizers = ThreadTokenizers(self._tokenizer)
        own = self._tokenizers.own
        self._ids = {own.token_to_id(text): known[marker] for marker, text in stand_ins.items()}

    def encode(self, prompts: Sequence[Prompt]) -> list[NDArray[np.int64]]:
        """The ids of each prompt, ``[tokens]``."""
        texts = [self.text(prompt) for prompt in prompts]
        with current().tokenizing():
            encodings = self._tokenizers.own.encode_batch_fast(texts, add_special_tokens=False)
            return [self.read(encoding.ids) for encoding in encodings]

    def text(self, prompt: Prompt) -> str:
        """What the tokenizer reads of a prompt."""
        return prompt.text(self._start, self._end)

    def place(self, prompt: Prompt) -> int:
        """At which character of its text the sentence begins."""
        return len(prompt.before(self._start))

    def read(self, found: Sequence[int] | NDArray[np.int32]) -> NDArray[np.int64]:
        """The ids of a prompt as the model reads them, of those that the tokenizer gives."""
        import numpy as np

        ids = np.array(found, dtype=np.int64)
        unknown, controls = self._vocabulary.unknown, self._vocabulary.controls
        if unknown is not None:
            ids[np.isin(ids, list(controls))] = unknown
        for stand_in, marker in self._ids.items():
            ids[ids == stand_in] = marker
        return np.concatenate((np.array(self._vocabulary.prefix, dtype=np.int64), ids))

    def tokens(self, text: str) -> Tokens:
        """The tokens of a text, as the tokenizer gives them."""
        return self.tokens_of([text])[0]

    def tokens_of(self, texts: Sequence[str]) -> list[Tokens]:
        return [Tokens.of(encoding) for encoding in self._tokenizers.encode(texts)]

    def answer(self, word: str) -> Sequence[int]:
        """The ids of an answer, without what comes before a text."""
        return list(self._vocabulary.plain(self._tokenizers.encode([word])[0].ids))

    def _tokenizer(self) -> Tokenizer:
        from tokenizers import AddedToken

        made = self._vocabulary.tokenizer()
        # Not special, since special ones are not looked for.
        made.add_tokens([AddedToken(text, normalized=False) for text in self._stand_ins])
        return made
