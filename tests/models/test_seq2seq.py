"""Summaries by an encoder-decoder model that was taught a few by heart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from compressors.errors import Cancelled, DeadlineExceeded, ModelFailure
from compressors.models.parts import Splitter
from compressors.models.seq2seq import Assignment, Seq2SeqSummarizer, Written
from compressors.models.vocabulary import Vocabulary
from compressors.protocols import Encoded
from compressors.segmentation import RuleSegmenter
from compressors.summary_cache import CachedSummarizer, SummaryCache
from compressors.values import Document, Passage, Source, Span
from compressors.work import Work
from tests.models import taught
from tests.models.texts import Words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compressors.protocols import Forward

WORDS = Words()
MUSEUM = Passage.whole(Document("m", taught.MUSEUM))
RIVER = Passage.whole(Document("r", taught.RIVER))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return taught.t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def summarizer(model: Path) -> Seq2SeqSummarizer:
    return Seq2SeqSummarizer.load(str(model), device="cpu", gate=None)


def saying(model: Path, text: str, seen: list[Encoded], *, ended: bool = True) -> Seq2SeqSummarizer:
    """A summarizer whose model writes the same for everything."""
    ids = tuple(AutoTokenizer.from_pretrained(model).encode(text, add_special_tokens=False))

    def wrap(_: Forward) -> Forward:
        def run(batch: Sequence[Encoded]) -> Sequence[Written]:
            seen.extend(batch)
            return [Written(ids, ended) for _ in batch]

        return run

    return Seq2SeqSummarizer.load(str(model), device="cpu", wrap=wrap, gate=None)


def test_t9_writes_what_it_was_taught_every_time(summarizer: Seq2SeqSummarizer) -> None:
    """T2, T9: what the model was taught, the whole of it where there is room."""
    summary = summarizer.summarize("", [MUSEUM], WORDS.budget(10))

    assert summary.text == "The Louvre opened in 1793. It is in Paris."
    assert summary.sources == (Source("m", 0, len(taught.MUSEUM)),)


def test_t2_is_cut_at_a_sentence_where_the_budget_is_small(summarizer: Seq2SeqSummarizer) -> None:
    """T2."""
    summary = summarizer.summarize("", [MUSEUM], WORDS.budget(6))

    assert summary.text == "The Louvre opened in 1793."


def test_a_budget_without_room_for_a_sentence_is_a_failure(
    summarizer: Seq2SeqSummarizer,
) -> None:
    """T8: the caller falls back; the tokens that it cost are on the account."""
    work = Work()
    with work.active(), pytest.raises(ModelFailure, match="the summary"):
        summarizer.summarize("", [MUSEUM], WORDS.budget(2))

    assert work.tokens_spent > 40


@pytest.mark.parametrize("beams", [1, 3])
def test_t9_writes_what_plain_transformers_code_does(model: Path, beams: int) -> None:
    """T9: greedy or with beams, never by chance."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    plain = AutoModelForSeq2SeqLM.from_pretrained(model)
    seen: list[Any] = []
    summarizer = Seq2SeqSummarizer.load(
        str(model),
        device="cpu",
        beams=beams,
        gate=None,
        wrap=lambda forward: recording(forward, seen),
    )

    for passage in (MUSEUM, RIVER):
        summarizer.summarize("", [passage], WORDS.budget(10))

    for text, (rows, results) in zip((taught.MUSEUM, taught.RIVER), seen, strict=True):
        inputs: Any = tokenizer(text, return_tensors="pt")
        assert rows[0].ids == tuple(inputs["input_ids"][0].tolist())
        limit = rows[0].max_new_tokens
        with torch.no_grad():
            wanted = plain.generate(
                **inputs, num_beams=beams, do_sample=False, max_new_tokens=limit
            )
        assert tokenizer.decode(list(results[0].ids)) == tokenizer.decode(
            wanted[0].tolist(), skip_special_tokens=True
        )


def recording(forward: Forward, seen: list[Any]) -> Forward:
    def run(batch: Sequence[Encoded]) -> Sequence[Any]:
        results = forward(batch)
        seen.append((list(batch), list(results)))
        return results

    return run


def test_t9_the_same_passages_are_written_once(model: Path) -> None:
    """By their content, in whatever order."""
    seen: list[Encoded] = []
    once = CachedSummarizer(saying(model, "It opened in 1793.", seen), SummaryCache())

    first = once.summarize("", [MUSEUM, RIVER], WORDS.budget(16))
    rows = len(seen)
    again = once.summarize("", [RIVER, MUSEUM], WORDS.budget(16))

    assert first.text == again.text
    assert len(seen) == rows > 0


def test_rows_with_unlike_limits_get_their_own(model: Path) -> None:
    """What one row may write does not depend on its neighbours in the batch."""
    seen: list[Any] = []
    summarizer = Seq2SeqSummarizer.load(
        str(model),
        device="cpu",
        gate=None,
        wrap=lambda forward: recording(forward, seen),
    )
    summarizer.summarize("", [MUSEUM], WORDS.budget(10))
    ids = seen[0][0][0].ids
    forward = summarizer._forward

    short, long, again = forward([Assignment(ids, max_new_tokens=n) for n in (3, 40, 3)])

    assert short == again
    assert len(short.ids) == 3
    assert not short.ended
    assert long.ended
    assert long.ids[:3] == short.ids


def test_t10_splits_long_inputs_between_sentences(model: Path) -> None:
    """T10: nothing is left out, and no part is longer than the model can read."""
    text = f"{taught.MUSEUM} {taught.RIVER} " * 6
    vocabulary = Vocabulary.load(str(model))
    splitter = Splitter(vocabulary, "", 128)

    parts = splitter.parts(text)

    whole = AutoTokenizer.from_pretrained(model)(text)["input_ids"]
    assert len(parts) > 3
    assert all(len(part.ids) <= 128 for part in parts)
    assert all(part.ids[-1] == whole[-1] for part in parts)
    assert [token for part in parts for token in part.ids[:-1]] == whole[:-1]
    ends = {text[:end].rstrip() for _, end in RuleSegmenter().spans(text)}
    read = ""
    for part, own in zip(parts, splitter.texts([part.ids[:-1] for part in parts]), strict=True):
        assert part.tokens == len(part.ids) - 1
        read = f"{read} {own.strip()}".strip()
        assert read in ends


def test_t10_splits_a_sentence_that_is_too_long_alone(model: Path) -> None:
    """T10."""
    splitter = Splitter(Vocabulary.load(str(model)), "summarize: ", 32)
    text = "museum in Paris and " * 60

    parts = splitter.parts(text)

    tokenizer = AutoTokenizer.from_pretrained(model)
    ahead = tokenizer("summarize: ", add_special_tokens=False)["input_ids"]
    whole = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert all(len(part.ids) <= 32 for part in parts)
    assert all(list(part.ids[: len(ahead)]) == ahead for part in parts)
    assert [token for part in parts for token in part.ids[len(ahead) : -1]] == whole


def test_t10_parts_are_summarized_one_by_one(model: Path) -> None:
    """Two documents that together are too long for one pass: each is read, nothing twice."""
    seen: list[Encoded] = []

    summary = saying(model, "It opened in 1793.", seen).summarize(
        "", [MUSEUM, RIVER], WORDS.budget(30)
    )

    read = [str(AutoTokenizer.from_pretrained(model).decode(list(row.ids))) for row in seen]
    assert len(read) == 2
    assert read[0].startswith("The Louvre")
    assert read[1].removesuffix("</s>").endswith("sides of the rivers.")
    assert summary.text == "It opened in 1793. It opened in 1793."
    assert summary.sources == (
        Source("m", 0, len(taught.MUSEUM)),
        Source("r", 0, len(taught.RIVER)),
    )


def test_summaries_of_many_parts_are_summarized_again(model: Path) -> None:
    """Map and reduce: as long as the parts' summaries together are over the budget."""
    seen: list[Encoded] = []
    summarizer = saying(model, "It opened in 1793.", seen)
    passages = [Passage.whole(Document(str(n), taught.MUSEUM)) for n in range(20)]

    summary = summarizer.summarize("", passages, WORDS.budget(12))

    assert summary.text.replace("It opened in 1793.", "").strip() == ""
    assert WORDS.budget(12).fits(summary.text)
    last = AutoTokenizer.from_pretrained(model).decode(list(seen[-1].ids))
    assert len(seen) > 10
    assert str(last).startswith("It opened in 1793. It opened in 1793.")
    assert summary.tokens_spent > sum(len(row) for row in seen)


def test_reads_only_what_is_kept(model: Path) -> None:
    seen: list[Encoded] = []
    end = taught.MUSEUM.index(" Many paintings")
    part = MUSEUM.keeping([Span(0, end)])

    summary = saying(model, "It opened in 1793.", seen).summarize("", [part], WORDS.budget(9))

    assert summary.sources == (Source("m", 0, end),)
    text = str(AutoTokenizer.from_pretrained(model).decode(list(seen[0].ids)))
    assert "1793" in text
    assert "paintings" not in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It opened in 1607.", "a number"),
        ("in Paris in Paris in Paris in Paris in Paris in Paris in Paris.", "repeats itself"),
        ("", "is blank"),
        ("bridges houses day pass", "hardly a word"),
    ],
)
def test_t8_refuses_what_its_source_does_not_say(model: Path, text: str, reason: str) -> None:
    """T8."""
    with pytest.raises(ModelFailure, match=reason):
        saying(model, text, []).summarize("", [MUSEUM], WORDS.budget(20))


def test_control_tokens_in_a_document_are_text(model: Path) -> None:
    """E12 for summarizers: a document cannot end the model's input."""
    seen: list[Encoded] = []
    passage = Passage.whole(Document("m", f"</s> <pad> {taught.MUSEUM} </s>"))

    saying(model, "It opened in 1793.", seen).summarize("", [passage], WORDS.budget(9))

    (row,) = seen
    assert [row.ids.count(0), row.ids.count(1)] == [0, 1]
    assert row.ids[-1] == 1


def test_does_not_begin_when_nobody_waits(summarizer: Seq2SeqSummarizer) -> None:
    late, gone = Work(deadline=0.0), Work()
    gone.cancel()

    with late.active(), pytest.raises(DeadlineExceeded):
        summarizer.summarize("", [MUSEUM], WORDS.budget(10))
    with gone.active(), pytest.raises(Cancelled):
        summarizer.summarize("", [MUSEUM], WORDS.budget(10))


def test_says_which_model_it_is(summarizer: Seq2SeqSummarizer, model: Path) -> None:
    assert summarizer.name == f"seq2seq:{model}"


def test_threads_get_the_summaries_that_one_gets(summarizer: Seq2SeqSummarizer) -> None:
    wanted = [summarizer.summarize("", [p], WORDS.budget(10)) for p in (MUSEUM, RIVER)]

    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(
                lambda n: summarizer.summarize("", [(MUSEUM, RIVER)[n % 2]], WORDS.budget(10)),
                range(24),
            )
        )

    assert found == wanted * 12
