"""The stage of LongLLMLingua, with a reader whose answers can be worked out by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors import Chain, Context, Document, InvalidInput, Span
from compressors.errors import ModelFailure
from compressors.longllmlingua import PARITY, Answer, Kept, LongLlmlingua, Method
from compressors.protection import Protection
from tests.core.words_on_hand import budget, context


@dataclass(frozen=True)
class LetterReader:
    """A ``QuestionReader``: keeps the letters that are none of ``dropped``.

    The surprise of a question is ln 2 for each of its words that a text lacks.
    """

    dropped: str = "aeiou"
    asked: list[tuple[str, tuple[str, ...], float, Method]] = field(default_factory=list)

    def keep(self, question: str, texts: Sequence[str], share: float, method: Method) -> Answer:
        self.asked.append((question, tuple(texts), share, method))
        pattern = re.compile(f"[^\0{re.escape(self.dropped)}]+")
        return Answer(
            [
                Kept(
                    [match.span() for match in pattern.finditer(text)],
                    math.log(2) * sum(word not in text.split() for word in question.split()),
                )
                for text in texts
            ],
            ("read by hand",),
        )


def stage(dropped: str = "aeiou", **options: object) -> LongLlmlingua:
    return LongLlmlingua(LetterReader(dropped), "by-hand", **options)  # type: ignore[arg-type] - any


def reader_of(stage_: LongLlmlingua) -> LetterReader:
    assert isinstance(stage_.reader, LetterReader)
    return stage_.reader


def kept(text: str, dropped: str, **options: object) -> str:
    return stage(dropped, rate=0.99, **options).compress(context("q", text), budget()).text


def test_words_of_which_anything_is_kept_stay_whole() -> None:
    assert kept("Louvre a oui Paris", "aeiou", mode="span") == "Louvre Paris"


def test_parity_keeps_the_parts_that_the_package_keeps() -> None:
    assert kept("Louvre a oui Paris", "aeiou", mode="parity") == "Lvr Prs"


def test_a_number_is_never_kept_in_part() -> None:
    assert kept("opened in 1,234 or so", "1,3or so") == "opened in 1,234"


def test_a_negation_stays_with_the_word_after_it() -> None:
    assert kept("do not eat it", "dotni ") == "not eat"


def test_a_row_of_a_table_stays_whole_and_has_its_header() -> None:
    table = "| one | two |\n| --- | --- |\n| aa | bb |\n| cc | dd |"

    assert kept(table, "anetwo |-b\n") == "| one | two |\n| --- | --- |\n| cc | dd |"


def test_parity_cuts_rows_of_tables_as_the_package_does() -> None:
    table = "| one | two |\n| --- | --- |\n| aa | bb |\n| cc | dd |"

    assert kept(table, "anetwo |-b\n", mode="parity") == "cc dd"


def test_documents_keep_their_order_whatever_their_rank() -> None:
    own = stage("", rate=0.9)

    result = own.compress(context("b", "a one", "b two", "c three four five"), budget())

    assert [p.document.id for p in result.passages] == ["1", "2", "3"]
    assert result.text == "a one\n\nb two\n\nc three four"


def test_scores_are_ratios_of_the_likelihood_of_the_question() -> None:
    result = stage("").compress(context("x y", "x y", "x a", "a b"), budget(5))

    assert [p.spans[0].score for p in result.passages] == pytest.approx([1.0, 0.5, 0.25])


def test_a_word_is_worth_the_share_of_it_that_was_kept() -> None:
    result = stage("aeiou", rate=0.9).compress(context("q", "grey", "oat tree hat"), budget())

    spans = result.passages[1].spans
    assert result.passages[0].spans == (Span(0, 4),)
    assert result.text == "grey\n\ntree hat"
    assert spans[0].score == pytest.approx((2 / 4 + 2 / 3) / 2)


def test_words_of_the_worst_document_go_first() -> None:
    result = stage("").compress(context("x", "a b c", "x y z"), budget(4))

    assert result.text == "a\n\nx y z"


def test_aims_at_the_budget() -> None:
    own = stage()

    own.compress(context("q", "a b c d", "e f g h"), budget(2))

    assert reader_of(own).asked[0][2] == pytest.approx(2 / 8)


def test_aims_at_the_rate_without_a_budget() -> None:
    own = stage("", rate=0.25)

    result = own.compress(context("q", "a b c d", "e f g h"), budget())

    assert reader_of(own).asked[0][2] == 0.25
    assert result.text == "a b"


def test_parity_leaves_the_rate_to_the_package() -> None:
    result = stage("", rate=0.25, mode=PARITY).compress(context("q", "a b c d"), budget())

    assert result.text == "a b c d"


@pytest.mark.parametrize("mode", ["span", "parity"])
def test_the_budget_is_a_limit(mode: str) -> None:
    result = stage("", mode=mode).compress(context("q", "a b c d", "e f g h"), budget(3))

    assert budget().count(result.text) == 3


def test_text_within_the_budget_is_not_read() -> None:
    own = stage()
    given_ = context("q", "a b c d")

    assert own.compress(given_, budget(4)) == given_
    assert reader_of(own).asked == []


def test_passes_on_how_the_package_is_to_work() -> None:
    own = stage(
        condition_in_question="before",
        reorder_context="original",
        dynamic_context_compression_ratio=0.0,
        context_budget="*1.5",
    )

    own.compress(context("q", "a b"), budget())

    assert reader_of(own).asked[0][3] == Method("before", "original", 0.0, "*1.5")


def test_blank_documents_are_not_read() -> None:
    own = stage("")

    result = own.compress(context("q", " \n", "  a b c d\n", ""), budget(2))

    assert reader_of(own).asked[0][1] == ("a b c d",)
    assert result.passages[1].spans == (Span(2, 5),)
    assert not result.passages[0].spans


def test_nothing_but_blank_documents_is_left_alone() -> None:
    given_ = context("q", " ", "")

    assert stage().compress(given_, budget(1)) == given_


def test_without_a_question_nothing_is_done_and_that_is_said() -> None:
    given_ = context("  ", "a b c d")

    assert stage().compress(given_, budget(1)) == given_.noting("no question to compress for")


def test_reads_only_what_earlier_stages_left() -> None:
    given_ = context("q", "one two. three four. five six.")
    passage = given_.passages[0].keeping([Span(0, 8), Span(21, 30)])
    own = stage("o", rate=0.99, mode=PARITY)

    result = own.compress(replace(given_, passages=(passage,)), budget())

    assert reader_of(own).asked[0][1] == ("one two. five six.",)
    assert result.text == "ne tw. five six."
    assert result.passages[0].spans == (Span(1, 6), Span(7, 8), Span(21, 30))


@pytest.mark.parametrize("mode", ["span", "parity"])
def test_protected_text_stays_in_documents_that_were_dropped(mode: str) -> None:
    given_ = context("b", "a a 42 km a", "b b b b", protected=["42 km"])

    result = stage("a42 km", mode=mode).compress(given_, budget(3))

    assert result.text == "42 km\n\nb"


def test_protected_places_stay() -> None:
    protection = Protection(spans={"1": ((2, 4),)})
    given_ = Context.of("b", [Document("1", "a oo a b b")], protected=protection)

    assert stage("ao", mode=PARITY).compress(given_, budget(2)).text == "oo b"


def test_refuses_a_budget_that_protected_text_does_not_fit_into() -> None:
    with pytest.raises(InvalidInput, match="do not fit into 1 tokens"):
        stage().compress(context("q", "a b c", protected=["a b"]), budget(1))


def test_something_stays_unless_the_caller_allows_nothing() -> None:
    given_ = context("q", "a e i", "o u")

    result = stage("aeiou ").compress(given_, budget(2))

    assert result.text == "a e"
    assert "nothing was kept: cut by the rank of documents instead" in result.notes
    allowed = stage("aeiou ").compress(replace(given_, allow_empty=True), budget(2))
    assert allowed.text == ""


def test_notes_of_the_reader_are_in_the_report_of_the_stage() -> None:
    result = Chain((stage(),)).compress(context("q", "one two three four"), budget(2))

    assert result.trace[0].stage == "longllmlingua"
    assert result.trace[0].backend == "by-hand"
    assert "read by hand" in result.trace[0].detail


def test_refuses_likelihoods_that_are_no_numbers() -> None:
    class Broken(LetterReader):
        def keep(self, question: str, texts: Sequence[str], share: float, method: Method) -> Answer:
            return Answer([Kept(((0, 1),), math.nan) for _ in texts])

    with pytest.raises(ModelFailure):
        LongLlmlingua(Broken(), "x").compress(context("q", "a b", "c d"), budget(1))


TEXTS = st.text(alphabet="ab not 1,2.\n我_é", max_size=40)


@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    dropped=st.sampled_from(["", "a", "not", "12", "ab我"]),
    limit=st.none() | st.integers(1, 12),
    mode=st.sampled_from(["span", "parity"]),
)
def test_laws(texts: list[str], dropped: str, limit: int | None, mode: str) -> None:
    """Spans lie inside those given, the budget holds, and something stays."""
    given_ = context("a b", *texts)

    result = stage(dropped, mode=mode).compress(given_, budget(limit))

    for before, after in zip(given_.passages, result.passages, strict=True):
        assert after.document is before.document
        assert not after.spans or (before.spans[0].start <= after.spans[0].start)
        assert not after.spans or (after.spans[-1].end <= before.spans[-1].end)
        assert all(0.0 <= span.score <= 1.0 for span in after.spans)
    assert len(result.text) <= len(given_.text)
    assert budget(limit).fits(result.text)
    assert bool(result.text.strip()) == bool(given_.text.strip())


@given(text=TEXTS)
def test_parity_loses_no_character_that_the_package_keeps(text: str) -> None:
    result = stage("a", mode=PARITY, rate=0.99).compress(context("q", text), budget())

    wanted = re.sub(r"[\sa]", "", text) or re.sub(r"\s", "", text)
    assert re.sub(r"\s", "", result.text) == wanted
