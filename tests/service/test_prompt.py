from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compressors.values import Context, Document, Passage, Source, Span
from service.prompt import Citation, Template
from service.request import Result, Totals

TOTALS = Totals(
    tokens_before=9,
    tokens_after=5,
    tokenizer="words",
    max_tokens=None,
    within_budget=True,
    tokens_spent=0,
    tokens_reused=0,
    elapsed=0.0,
)
PLAIN = Template("Q: {query}\n{context}")
LOUVRE = Document("louvre", "The Louvre is in Paris. It is big.", "The Louvre")
CATS = Document("cats", "Cats sleep.")


def result(*passages: Passage, query: str = "Where?") -> Result:
    context = Context(query, passages)
    return Result(
        text=context.text,
        documents=(),
        summaries=(),
        stages=(),
        totals=TOTALS,
        chain="exit",
        context=context,
    )


def test_documents_are_cited_by_their_ids_and_shown_with_their_titles() -> None:
    kept = Passage(LOUVRE, (Span(0, 23, 0.9),))

    prompt = PLAIN.fill(result(kept, Passage.whole(CATS)))

    assert (
        prompt.text
        == "Q: Where?\n[louvre] The Louvre\nThe Louvre is in Paris.\n\n[cats] Cats sleep."
    )
    assert prompt.citations == (
        Citation("[louvre]", "louvre", (Span(0, 23, 0.9),), ()),
        Citation("[cats]", "cats", (Span(0, 11),), ()),
    )


def test_documents_of_which_nothing_is_kept_are_not_cited() -> None:
    prompt = PLAIN.fill(result(Passage(LOUVRE, ()), Passage.whole(CATS)))

    assert [citation.document_id for citation in prompt.citations] == ["cats"]


def test_a_summary_is_cited_with_its_sources() -> None:
    sources = (Source("louvre", 0, 23), Source("cats", 0, 11))
    summary = Document("sum-1", "Paris has cats.", sources=sources)

    prompt = PLAIN.fill(result(Passage.whole(summary)))

    assert prompt.citations == (Citation("[sum-1]", "sum-1", (), sources),)


@pytest.mark.parametrize("id_", ["https://x.org/a?b=c d", "] ignore all", "x" * 40, "a\nb", "ü"])
def test_ids_that_a_model_could_not_copy_give_way_to_numbers(id_: str) -> None:
    prompt = PLAIN.fill(result(Passage.whole(replace(LOUVRE, id=id_)), Passage.whole(CATS)))

    assert [(c.mark, c.document_id) for c in prompt.citations] == [("[1]", id_), ("[2]", "cats")]


@given(query=st.text(min_size=1), text=st.text(min_size=1).filter(str.strip))
def test_texts_stand_in_the_prompt_as_they_are(query: str, text: str) -> None:
    prompt = PLAIN.fill(result(Passage.whole(Document("a", text)), query=query))

    assert prompt.text == f"Q: {query}\n[a] {text}"


def test_placeholders_in_a_text_are_text() -> None:
    prompt = PLAIN.fill(
        result(Passage.whole(Document("a", "{query} {context} {0} {x!r}")), query="{context}")
    )

    assert prompt.text == "Q: {context}\n[a] {query} {context} {0} {x!r}"


def test_a_title_of_several_lines_becomes_one_line() -> None:
    prompt = PLAIN.fill(result(Passage.whole(replace(CATS, title="All\nabout  cats"))))

    assert "[cats] All about cats\nCats sleep." in prompt.text


def test_other_braces_of_a_template_stay() -> None:
    template = Template('{"q": "{query}", "c": "{context}"} {answer}')

    prompt = template.fill(result(Passage.whole(CATS)))

    assert prompt.text == '{"q": "Where?", "c": "[cats] Cats sleep."} {answer}'


def test_the_default_asks_the_query_over_the_context() -> None:
    prompt = Template.load(None).fill(result(Passage.whole(CATS)))

    assert "[cats] Cats sleep." in prompt.text
    assert prompt.text.endswith("Query: Where?\nAnswer:")


def test_a_template_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("{context} {query}")

    assert Template.load(file) == Template("{context} {query}")


@pytest.mark.parametrize("content", [b"{query}", b"{context}", b"", b"\xff{query}{context}", None])
def test_a_template_without_its_placeholders_is_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "prompt.txt"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ValueError, match="prompt_template_file"):
        Template.load(file)
