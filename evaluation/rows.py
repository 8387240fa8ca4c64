"""Examples from files: the shapes of data set that the evaluation reads.

- RAG and QA: a query with retrieved documents. What the answer needs is, in this order, what the
  data set's own sentences say, the sentences that hold its answer spans, or in gold documents those
  that hold an answer (for MuSiQue the one of the sub-question that the document answers).
- Paragraphs with questions: an example for each question, with the paragraph as its document.
- Meetings with queries about a part of them; what is relevant is counted by turn.
- Long documents with queries: those with an answer that the document holds, without support, since
  nothing says which of its places is meant.

Support is in sentences, so that half an answer is nothing. The answers yes and no cannot be found
in a text and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from compressors.segmentation import RuleSegmenter
from evaluation.answers import findable, mentions, occurrences
from evaluation.fields import BadRow, Field, rows
from evaluation.values import Example, Range, Source

__all__ = ["BadRow", "examples"]

_SEGMENTER: Final = RuleSegmenter()


def examples(path: Path) -> Iterator[Example]:
    """The examples of a ``.jsonl`` or ``.jsonl.gz`` file, in its order.

    Raises ``OSError`` if the file cannot be read and ``BadRow`` at the first line that fits none of
    the shapes.
    """
    for row in rows(path):
        if "documents" in row:
            yield _retrieved(row)
        elif "qas" in row:
            yield from _paragraph(row)
        elif "turns" in row and "queries" in row:
            yield from _meeting(row)
        elif "document" in row and "queries" in row:
            yield from _long(row)
        else:
            row.fail("has neither documents, qas, turns and queries, nor document and queries")


def _retrieved(row: Field) -> Example:
    answers = findable(row["answers"].texts())
    documents = row["documents"].items()
    hops = _hops(row, len(documents))
    return Example(
        row["id"].text(),
        row["query"].text(),
        answers,
        tuple(_source(one, (*answers, *hops.get(at, ()))) for at, one in enumerate(documents)),
    )


def _hops(row: Field, size: int) -> dict[int, tuple[str, ...]]:
    """The answers of sub-questions by the document that gives them: MuSiQue's decomposition."""
    found: dict[int, tuple[str, ...]] = {}
    if "meta" in row and "decomposition" in row["meta"]:
        for hop in row["meta"]["decomposition"].items():
            at = hop["doc"].index(size)
            found[at] = (*found.get(at, ()), *findable([hop["answer"].text()]))
    return found


def _source(row: Field, answers: Sequence[str]) -> Source:
    text = row["text"].text() if "text" in row else " ".join(row["sentences"].texts())
    is_gold = row["is_gold"].flag()
    support: Iterable[Range] = ()
    if "supporting" in row:
        support = _annotated(row, text)
    elif "answer_spans" in row:
        support = _holding(text, [_range(one, text) for one in row["answer_spans"].items()])
    elif is_gold and "sentences" not in row:
        # With sentences of its own, a data set that marks none means that none is needed.
        support = _holding(text, list(occurrences(text, answers)))
    title = row["title"].text() if "title" in row else ""
    return Source(_plain(title), text, is_gold, tuple(support))


def _annotated(row: Field, text: str) -> Iterator[Range]:
    """The supporting sentences in ``text``, which may have other white space."""
    sentences = row["sentences"].items()
    supporting = {one.index(len(sentences)) for one in row["supporting"].items()}
    places = [at for at, letter in enumerate(text) if not letter.isspace()]
    squeezed = "".join(text[at] for at in places)
    end = 0
    for number, sentence in enumerate(sentences):
        wanted = "".join(sentence.text().split())
        start = squeezed.find(wanted, end)
        if start < 0:
            sentence.fail("is not in the text after the sentences before it")
        end = start + len(wanted)
        if number in supporting and wanted:
            yield places[start], places[end - 1] + 1


def _range(row: Field, text: str) -> Range:
    start, end = (one.index(len(text) + 1) for one in row.pair())
    if start >= end:
        row.fail("is an empty range")
    return start, end


def _holding(text: str, parts: Sequence[Range]) -> tuple[Range, ...]:
    """The sentences that share anything with one of the parts, without white space around them."""
    if not parts:
        return ()
    return tuple(
        _trimmed(text, start, end)
        for start, end in _SEGMENTER.spans(text)
        if any(text[max(start, a) : min(end, b)].strip() for a, b in parts)
    )


def _trimmed(text: str, start: int, end: int) -> Range:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _paragraph(row: Field) -> Iterator[Example]:
    text = row["text"].text()
    title = _plain(row["title"].text()) if "title" in row else ""
    for question in row["qas"].items():
        answers = question["answers"].texts()
        starts = question["answer_starts"].items()
        if len(starts) != len(answers):
            question["answer_starts"].fail("does not have one number for each answer")
        parts = []
        for answer, start in zip(answers, starts, strict=True):
            at = start.index(len(text) + 1)
            if not text.startswith(answer, at):
                start.fail("is not where the answer starts")
            parts.append((at, at + len(answer)))
        source = Source(title, text, is_gold=True, support=_holding(text, parts))
        yield Example(question["id"].text(), question["query"].text(), findable(answers), (source,))


def _meeting(row: Field) -> Iterator[Example]:
    turns = [tuple(part.text().strip() for part in one.pair()) for one in row["turns"].items()]
    lines = [f"{speaker}: {said}" for speaker, said in turns]
    text = "\n".join(lines)
    ends: list[int] = []
    for line in lines:
        ends.append((ends[-1] + 1 if ends else 0) + len(line))
    for query in row["queries"].items():
        if "relevant_turns" not in query:
            continue
        relevant = {
            at
            for one in query["relevant_turns"].items()
            for at in _turns(one, len(turns))
            if turns[at][1]
        }
        support = tuple((ends[at] - len(lines[at]), ends[at]) for at in sorted(relevant))
        source = Source("", text, is_gold=True, support=support)
        yield Example(query["id"].text(), query["query"].text(), (), (source,))


def _turns(row: Field, size: int) -> range:
    first, last = (one.index(size) for one in row.pair())
    return range(first, last + 1)


def _long(row: Field) -> Iterator[Example]:
    text = row["document"].text()
    source = Source("", text, is_gold=True)
    for at, query in enumerate(row["queries"].items()):
        answers = tuple(one for one in findable(query["answers"].texts()) if mentions(text, [one]))
        if answers:
            yield Example(f"{row['id'].text()}#{at}", query["query"].text(), answers, (source,))


def _plain(title: str) -> str:
    """Some data sets take titles from addresses of Wikipedia."""
    return title.replace("_", " ").strip()
