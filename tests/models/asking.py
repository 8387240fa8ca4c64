"""A document, and how an endpoint that answers as told is asked to summarize it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compressors.models.openai_summarizer import OpenAiSummarizer
from compressors.values import Document, Passage
from tests.models.chat_endpoint import Endpoint, Reply, endpoint
from tests.models.texts import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compressors.protocols import Summary

KEY = "sk-never-to-be-seen"
SOURCE = Passage.whole(
    Document(
        "a",
        "The Louvre is a museum in Paris. It opened in 1793. Entry costs 22.50 euros. It is closed "
        "on Tuesdays.",
        "Museums",
    )
)
SHORT = "The Louvre opened in 1793."
LONG = "The Louvre is a museum in Paris. It opened in 1793. Entry costs 22.50 euros."
WORDS = Words()


def summarizer(server: Endpoint) -> OpenAiSummarizer:
    return OpenAiSummarizer.load("a-model", base_url=server.url, api_key=KEY)


def summarize(
    replies: Sequence[Reply],
    *,
    query: str = "",
    passages: Sequence[Passage] = (SOURCE,),
    max_tokens: int | None = 8,
) -> tuple[Summary, list[dict[str, Any]]]:
    with endpoint(replies) as server:
        summary = summarizer(server).summarize(query, passages, WORDS.budget(max_tokens))
    return summary, server.asked
