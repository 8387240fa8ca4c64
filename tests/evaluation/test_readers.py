"""The readers of the evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compressors.errors import ModelFailure
from evaluation import readers
from tests.models.chat_endpoint import Reply, endpoint, fails, says
from tests.models.test_served_model import serving

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = [
    ("Bryn mill", "A storm took the sails of the mill in 1874."),
    ("", "The harbour froze in 1881."),
]
QUERY = "When did the harbour freeze?"
PROMPT = """Context information is below.
---------------------
Bryn mill
A storm took the sails of the mill in 1874.

The harbour froze in 1881.
---------------------
Given the context information and not prior knowledge, answer the query. Do not provide any explanation.
Query: When did the harbour freeze?
Answer:"""  # noqa: E501 - as the paper has it


def test_the_reader_that_ships_answers_each_query_from_its_documents() -> None:
    reader = readers.extractive()

    answers = reader.read([(QUERY, DOCUMENTS), (QUERY, []), ("Who?", [("Only a title", "")])])

    assert answers == ["1881", "", ""]
    assert reader.name.startswith("minilm-reader ")


def test_a_chat_model_is_asked_as_the_paper_does_at_temperature_0() -> None:
    """EXIT, Table 7."""
    with endpoint([says(" 1881\n")]) as server:
        reader = readers.openai(base_url=server.url, model="a-model", key="a-key")
        answers = reader.read([(QUERY, DOCUMENTS)])

    (asked,) = server.asked
    assert answers == ["1881"]
    assert reader.name == "openai:a-model"
    assert asked["messages"] == [{"role": "user", "content": PROMPT}]
    assert (asked["model"], asked["temperature"]) == ("a-model", 0)
    assert asked["headers"]["authorization"] == "Bearer a-key"


def test_braces_in_a_query_or_a_document_are_text() -> None:
    asked = readers.prompt("{context}?", [("{query}", "{0}")])

    assert "\n{query}\n{0}\n" in asked
    assert "Query: {context}?" in asked


def test_every_query_is_asked_once() -> None:
    with endpoint([says("x")]) as server:
        reader = readers.openai(base_url=server.url, model="m")
        answers = reader.read([(f"q{at}", DOCUMENTS) for at in range(12)])

    assert answers == ["x"] * 12
    queries = [one["messages"][0]["content"].split("Query: ")[1] for one in server.asked]
    assert sorted(queries) == sorted(f"q{at}\nAnswer:" for at in range(12))


def test_thoughts_are_no_part_of_an_answer() -> None:
    with endpoint([says("<think>1874?\nNo.</think>\n1881")]) as server:
        answers = readers.openai(base_url=server.url, model="m").read([(QUERY, DOCUMENTS)])

    assert answers == ["1881"]


def test_a_busy_endpoint_is_asked_again() -> None:
    busy = fails(429, "too many", headers={"retry-after-ms": "1"})

    with endpoint([busy, busy, says("1881")]) as server:
        answers = readers.openai(base_url=server.url, model="m").read([(QUERY, DOCUMENTS)])

    assert answers == ["1881"]
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (fails(400, "it was: When did the harbour freeze?"), "answered with status 400"),
        (says(None), "answered without a text"),
        (Reply(b'{"choices": []}', headers={"content-type": "application/json"}), "no chat"),
        (Reply(b'{"error": 1}', headers={"content-type": "application/json"}), "no chat"),
    ],
)
def test_a_failure_says_what_was_wrong_and_nothing_of_the_texts(reply: Reply, said: str) -> None:
    with endpoint([reply]) as server, pytest.raises(ModelFailure) as caught:
        readers.openai(base_url=server.url, model="m").read([(QUERY, DOCUMENTS)])

    assert said in str(caught.value)
    assert "harbour" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.slow
def test_a_served_model_answers(tmp_path: Path) -> None:
    """``transformers serve``: a server that others wrote."""
    from tests.models import taught

    other = "When did a storm take the sails?"
    talks = [
        ([{"role": "user", "content": readers.prompt(query, DOCUMENTS)}], answer)
        for query, answer in ((QUERY, "1881"), (other, "In 1874"))
    ]
    model = taught.chat_model(tmp_path, talks)

    with serving(model) as url:
        reader = readers.openai(base_url=url, model=str(model))
        answers = reader.read([(QUERY, DOCUMENTS), (other, DOCUMENTS)])

    assert answers == ["1881", "In 1874"]
