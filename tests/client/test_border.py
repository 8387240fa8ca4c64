"""What goes over the border comes out as it went in, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condensery import Document, InvalidRequest, Scoring
from condensery.border import compression_from_pb, request_to_pb
from condensery.request import Request
from condensery.v1 import compression_pb2 as pb

# With lone surrogates, which JSON lets in and messages cannot hold.
TEXTS = st.text(st.characters(codec=None), max_size=8)
DOCUMENTS = st.lists(
    st.builds(Document, TEXTS, TEXTS, TEXTS), max_size=3, unique_by=lambda each: each.id
)


@given(query=TEXTS, documents=DOCUMENTS, protected=st.lists(TEXTS, max_size=2))
def test_a_text_is_sent_as_it_is_or_refused_by_its_place(
    query: str, documents: list[Document], protected: list[str]
) -> None:
    request = Request(query=query, documents=tuple(documents), protected=protected)
    texts = [query, *protected, *(t for d in documents for t in (d.id, d.text, d.title))]

    if not all(is_sendable(text) for text in texts):
        with pytest.raises(InvalidRequest, match="surrogate") as raised:
            request_to_pb(request)
        assert raised.value.field.startswith(("query", "documents[", "protected_texts["))
        return
    sent = pb.CompressRequest.FromString(request_to_pb(request).SerializeToString())

    assert (sent.query, list(sent.protected_texts)) == (query, protected)
    assert [Document(each.id, each.text, each.title) for each in sent.documents] == documents


@given(max_tokens=st.none() | st.integers(), top_k=st.none() | st.integers())
def test_a_number_is_sent_as_it_is_or_refused_by_its_place(
    max_tokens: int | None, top_k: int | None
) -> None:
    request = Request(query="q", documents=(), max_tokens=max_tokens, index="i", top_k=top_k)

    if not all(fits(each) for each in (max_tokens, top_k) if each is not None):
        with pytest.raises(InvalidRequest, match="does not fit") as raised:
            request_to_pb(request)
        assert raised.value.field in {"budget.max_tokens", "index.top_k"}
        return
    sent = request_to_pb(request)

    has = sent.budget.WhichOneof("limit") == "max_tokens"
    assert max_tokens == (sent.budget.max_tokens if has else None)
    assert top_k == (sent.index.top_k if sent.index.HasField("top_k") else None)


@given(rate=st.floats())
def test_a_rate_is_sent_as_it_is_for_the_server_to_judge(rate: float) -> None:
    sent = request_to_pb(Request(query="q", documents=(), rate=rate))

    assert repr(sent.budget.rate) == repr(rate)


@given(documents=DOCUMENTS.filter(bool))
def test_results_find_their_originals(documents: list[Document]) -> None:
    sendable = [each for each in documents if is_sendable(each.id)]
    message = pb.CompressResponse(documents=[pb.DocumentResult(id=each.id) for each in sendable])

    results = compression_from_pb(message, sendable).documents

    assert [each.document for each in results] == sendable


@pytest.mark.parametrize(
    ("number", "scoring"),
    [
        (pb.SCORING_UNSPECIFIED, None),
        (pb.SCORING_MODEL, Scoring.MODEL),
        (pb.SCORING_LEXICAL, Scoring.LEXICAL),
        (99, Scoring.UNKNOWN),
    ],
)
def test_a_document_says_how_it_was_scored(number: pb.Scoring, scoring: Scoring | None) -> None:
    message = pb.CompressResponse(documents=[pb.DocumentResult(id="a", scoring=number)])

    (result,) = compression_from_pb(message, [Document("a", "x")]).documents

    assert result.scoring is scoring


def is_sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fits(number: int) -> bool:
    return -(2**31) <= number < 2**31
