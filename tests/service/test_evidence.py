"""What a caller hears, and the LLM gets, where nothing of the documents seems to be an answer."""

from __future__ import annotations

from typing import Any

import pytest

from condensery.v1 import compression_pb2 as pb
from tests.service.hand import CATS, LOUVRE, Hand, documents, request, served
from tests.service.test_metrics import of, scrape

OTHER = "Which planet has rings?"
# One sentence has three of its five words, the others fewer.
WEAK = "Which one is in Paris?"
UNSCORED = pb.StageList(stages=[pb.Stage(name="llmlingua2")])
CHAT = "tests.service.chats:echoing"


def stages(**options: Any) -> pb.StageList:
    return pb.StageList(stages=[pb.Stage(name="exit", exit=pb.ExitOptions(**options))])


async def end_of_stream(hand: Hand, sent: pb.CompressRequest) -> pb.CompressResponse:
    events = [e async for e in hand.stub.CompressStream(pb.CompressStreamRequest(request=sent))]
    result: pb.CompressResponse = events[-1].result
    return result


@pytest.mark.parametrize("budget", [pb.Budget(), pb.Budget(max_tokens=5), pb.Budget(rate=0.5)])
async def test_evidence_is_insufficient_where_no_sentence_reaches_the_threshold(
    budget: pb.Budget,
) -> None:
    async with served() as hand:
        found = await hand.compress(budget=budget)
        missed = await hand.compress(budget=budget, query=OTHER)
        streamed = await end_of_stream(hand, request(budget=budget, query=OTHER))

    assert not found.insufficient_evidence
    assert missed.insufficient_evidence
    assert streamed.insufficient_evidence
    assert missed.text


async def test_the_threshold_is_that_of_the_request() -> None:
    async with served() as hand:
        low = await hand.compress(query=WEAK, stages=stages(threshold=0.6))
        high = await hand.compress(query=WEAK, stages=stages(threshold=0.61))

    assert (low.insufficient_evidence, high.insufficient_evidence) == (False, True)
    assert low.text == high.text == "The Louvre is in Paris."


async def test_nothing_is_kept_only_where_the_caller_allows_it() -> None:
    async with served() as hand:
        answer = await hand.compress(query=OTHER, allow_empty=True)

    assert answer.insufficient_evidence
    assert answer.text == ""
    assert {document.outcome for document in answer.documents} == {pb.OUTCOME_DROPPED}


async def test_a_later_stage_does_not_lose_it() -> None:
    async with served() as hand:
        answer = await hand.compress(query=OTHER, chain="fine", budget=pb.Budget(max_tokens=4))

    assert [stage.stage for stage in answer.stages] == ["exit", "llmlingua2"]
    assert answer.insufficient_evidence


async def test_a_chain_that_judges_no_sentence_says_nothing() -> None:
    failing = pb.StageList(stages=[pb.Stage(name="exit", backend="failing")])

    async with served() as hand:
        answers = [
            await hand.compress(query=OTHER, stages=UNSCORED, budget=pb.Budget(max_tokens=5)),
            await hand.compress(query=OTHER, stages=failing),
            await hand.compress(query=OTHER, budget=pb.Budget(max_tokens=100)),
        ]

    assert not any(answer.insufficient_evidence for answer in answers)


async def test_a_budget_is_filled_unless_the_threshold_is_strict() -> None:
    budget = pb.Budget(max_tokens=10)

    async with served() as hand:
        filled = await hand.compress(stages=stages(threshold=0.5), budget=budget)
        strict = await hand.compress(
            stages=stages(threshold=0.5, strict_threshold=True), budget=budget
        )

    assert filled.text == LOUVRE
    assert strict.text == "The Louvre is in Paris."


async def test_a_strict_threshold_holds_where_all_would_fit() -> None:
    async with served() as hand:
        answer = await hand.compress(
            stages=stages(strict_threshold=True), budget=pb.Budget(max_tokens=100)
        )
        missed = await hand.compress(
            stages=stages(strict_threshold=True),
            budget=pb.Budget(max_tokens=100),
            query=OTHER,
            allow_empty=True,
        )

    assert answer.text == "The Louvre is in Paris."
    assert (missed.text, missed.insufficient_evidence) == ("", True)


async def test_the_metric_counts_requests_without_evidence() -> None:
    async with served(metrics_port=0) as hand:
        before = await scrape(hand)
        for query in (OTHER, OTHER, "Where is the Louvre?"):
            await hand.compress(query=query)
        after = await scrape(hand)

    assert of(before, "condensery_insufficient_evidence_total") == 0
    assert of(after, "condensery_insufficient_evidence_total") == 2


async def generated(**values: Any) -> list[pb.GenerateResponse]:
    sent = pb.GenerateRequest(compress=request(**values))
    async with served(llm_langchain=CHAT) as hand:
        return [event async for event in hand.stub.Generate(sent, timeout=10)]


async def test_the_llm_is_asked_all_the_same_and_the_answer_says_so() -> None:
    first, *texts, last = await generated(query=OTHER)

    assert first.compressed.insufficient_evidence
    assert last.end.insufficient_evidence
    prompt = "".join(event.text for event in texts)
    assert f"[1] {first.compressed.text}" in prompt
    assert OTHER in prompt


async def test_the_llm_gets_no_document_where_nothing_may_be_kept() -> None:
    first, *texts, last = await generated(query=OTHER, allow_empty=True)

    assert first.compressed.text == ""
    assert last.end.insufficient_evidence
    assert not last.end.citations
    assert "[1]" not in "".join(event.text for event in texts)


async def test_an_answer_from_evidence_says_nothing() -> None:
    first, *_, last = await generated()

    assert not first.compressed.insufficient_evidence
    assert not last.end.insufficient_evidence


TITLED = [
    pb.Document(id="louvre", text=LOUVRE, title="Museums"),
    pb.Document(id="cats", text=CATS, title="Animals"),
    pb.Document(id="plain", text="Where the Louvre stands is known."),
]


@pytest.mark.parametrize("with_titles", [False, True])
async def test_the_prompt_names_the_title_of_every_document_that_it_has_text_of(
    *, with_titles: bool
) -> None:
    _, *texts, _ = await generated(documents=TITLED, with_titles=with_titles)

    prompt = "".join(event.text for event in texts)
    assert "[louvre] Museums\nThe Louvre is in Paris.\n" in prompt
    assert "[plain] Where the Louvre stands is known." in prompt
    assert prompt.count("Museums") == 1
    assert "Animals" not in prompt


async def test_the_text_names_titles_where_the_request_says_so() -> None:
    async with served() as hand:
        plain = await hand.compress(documents=TITLED)
        titled = await hand.compress(documents=TITLED, with_titles=True)

    sentences = "The Louvre is in Paris.\n\nWhere the Louvre stands is known."
    assert plain.text == sentences
    assert titled.text == f"Museums\n{sentences}"
    assert titled.documents[0].text == "The Louvre is in Paris."
    assert titled.totals.tokens_before == plain.totals.tokens_before + 2
    assert titled.totals.tokens_after == plain.totals.tokens_after + 1


async def test_the_budget_pays_for_the_titles_that_the_text_names() -> None:
    budget = pb.Budget(max_tokens=5)

    async with served() as hand:
        plain = await hand.compress(documents=TITLED[:2], budget=budget)
        titled = await hand.compress(documents=TITLED[:2], budget=budget, with_titles=True)

    assert plain.text == "The Louvre is in Paris."
    assert titled.text == "Museums\nCats sleep a lot."
    assert titled.totals.within_budget
    assert titled.totals.tokens_after == 5


async def test_a_caller_can_name_the_titles_of_documents_from_an_index() -> None:
    async with served() as hand:
        answer = await hand.compress(index=pb.IndexQuery(name="shelf"))
        titled = await hand.compress(index=pb.IndexQuery(name="shelf"), with_titles=True)

    kept = [document for document in answer.documents if document.text]
    assert [document.title for document in kept] == ["Museums"]
    assert titled.text == f"{kept[0].title}\n{answer.text}"


async def test_blank_documents_show_no_title() -> None:
    async with served() as hand:
        answer = await hand.compress(
            documents=[pb.Document(id="a", text=" ", title="Void"), *documents(LOUVRE)],
            with_titles=True,
        )

    assert "Void" not in answer.text
