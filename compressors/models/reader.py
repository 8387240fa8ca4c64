"""The reader that comes with Condensery: answers a question with a piece of a text, offline.

A measuring instrument: it shows what shortening does to an answer. Made by ``training/reader.py``;
see the model card beside the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compressors.models import minilm
from compressors.models.batches import SmallBatches
from compressors.models.embedded import TwoHeads
from compressors.models.minilm import CLS, SEP
from compressors.models.tokenization import ThreadTokenizers, windows
from compressors.protocols import Encoded, Forward

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding

WEIGHTS: Final = Path(__file__).parent / "weights" / "minilm-reader"
_QUESTION_TOKENS: Final = 64
_TITLE_TOKENS: Final = 32
_LONGEST_ANSWER: Final = 30
_OVERLAP: Final = 128
_NOWHERE: Final = -1


@dataclass(frozen=True, slots=True)
class Found:
    """``text[start:end]`` of one document; ``score`` is its logits above those of no answer."""

    document: int
    start: int
    end: int
    answer: str
    score: float


@dataclass(frozen=True, slots=True)
class ExtractiveReader:
    """Finds the likeliest answer to each question in its documents.

    The documents are read one behind the other, in windows of ``max_length`` tokens with the
    question in front, neighbours sharing 128 tokens. An answer has at most 30 tokens, whole words
    of one document's text; titles are read, but hold none. The best of all windows wins.
    """

    forward: Forward
    tokenizers: ThreadTokenizers
    max_length: int
    version: str

    @classmethod
    def load(
        cls,
        folder: Path = WEIGHTS,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        wrap: Callable[[Forward], Forward] = SmallBatches,
    ) -> ExtractiveReader:
        """Embeddings from the base model, the rest from ``folder``. Raises ``Unavailable``."""
        config, tuned = minilm.tuned(folder)
        model = minilm.bert({**minilm.weights(), **tuned}, device=device, dtype=dtype)
        head, bias = tuned["span.weight"].to(device), tuned["span.bias"].to(device)
        forward = wrap(TwoHeads(model, head, bias, device))
        tokenizers = ThreadTokenizers(minilm.tokenizer)
        return cls(forward, tokenizers, int(config["max_length"]), str(config["version"]))

    def read(
        self, asked: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    ) -> Sequence[Found | None]:
        """The best answer to each question from its documents, given as title and text.

        ``None`` where the documents hold no word. Any number of questions: they are read in
        batches of rows of like length.
        """
        rows, owners = [], []
        for number, (question, documents) in enumerate(asked):
            for row in self._rows(question, documents):
                rows.append(row)
                owners.append(number)
        outputs = self.forward([row.encoded for row in rows]) if rows else []
        best: list[Found | None] = [None] * len(asked)
        for number, row, logits in zip(owners, rows, outputs, strict=True):
            had, found = best[number], row.best(logits, asked[number][1])
            if found is not None and (had is None or found.score > had.score):
                best[number] = found
        return best

    def _rows(self, question: str, documents: Sequence[tuple[str, str]]) -> Iterator[_Row]:
        titles = [f"{title}. " if title else "" for title, _ in documents]
        encodings = self.tokenizers.encode([question, *titles, *(text for _, text in documents)])
        asked = (CLS, *encodings[0].ids[:_QUESTION_TOKENS], SEP)
        heads, texts = encodings[1 : 1 + len(titles)], encodings[1 + len(titles) :]
        body = _Body.of([one.ids[:_TITLE_TOKENS] for one in heads], texts)
        for start, end in windows(len(body.ids), self.max_length - len(asked), _OVERLAP):
            types = (0,) * len(asked) + (1,) * (end - start)
            encoded = Encoded((*asked, *body.ids[start:end]), types)
            yield _Row(encoded, body, start, end)


@dataclass(frozen=True, slots=True)
class _Body:
    """All documents of a question as tokens, each with what it is of; all are ``[tokens]``."""

    ids: tuple[int, ...]
    documents: NDArray[np.int64]
    """-1 for titles and separators."""
    words: NDArray[np.int64]
    offsets: NDArray[np.int64]
    """``[tokens, 2]``: the characters of the document's text."""

    @classmethod
    def of(cls, titles: Sequence[Sequence[int]], texts: Sequence[Encoding]) -> _Body:
        import numpy as np

        ids: list[int] = []
        documents: list[int] = []
        words: list[int] = []
        offsets: list[tuple[int, int]] = []
        for at, (title, text) in enumerate(zip(titles, texts, strict=True)):
            before, own = len(title), len(text.ids)
            ids += [*title, *text.ids, SEP]
            documents += [_NOWHERE] * before + [at] * own + [_NOWHERE]
            words += [_NOWHERE] * before + [word or 0 for word in text.word_ids] + [_NOWHERE]
            offsets += [(0, 0)] * before + text.offsets + [(0, 0)]
        return cls(
            tuple(ids),
            np.array(documents, dtype=np.int64),
            np.array(words, dtype=np.int64),
            np.array(offsets, dtype=np.int64).reshape(-1, 2),
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """A window of a body with the question in front."""

    encoded: Encoded
    body: _Body
    start: int
    end: int

    def best(
        self, logits: NDArray[np.floating], documents: Sequence[tuple[str, str]]
    ) -> Found | None:
        """The likeliest answer within the window, by logits ``[tokens of the row, 2]``."""
        import numpy as np

        own = logits[len(logits) - (self.end - self.start) :]
        document = self.body.documents[self.start : self.end]
        word = self.body.words[self.start : self.end]
        # Never a part of a word: pieces of it would be an answer to nothing.
        other = (np.diff(word) != 0) | (np.diff(document) != 0)
        opens = np.concatenate([[True], other]) & (document != _NOWHERE)
        closes = np.concatenate([other, [True]]) & (document != _NOWHERE)
        starts = np.where(opens, own[:, 0], -np.inf)
        ends = np.where(closes, own[:, 1], -np.inf)
        score, first, last = -np.inf, 0, 0
        for length in range(min(_LONGEST_ANSWER, len(own))):
            size = len(own) - length
            same = document[:size] == document[length:]
            sums = np.where(same, starts[:size] + ends[length:], -np.inf)
            at = int(sums.argmax())
            if sums[at] > score:
                score, first, last = float(sums[at]), at, at + length
        if score == -np.inf:
            return None
        which = int(document[first])
        begin = int(self.body.offsets[self.start + first, 0])
        end = int(self.body.offsets[self.start + last, 1])
        answer = documents[which][1][begin:end]
        return Found(which, begin, end, answer, score - float(logits[0].sum()))
