"""What goes wrong with a chat model over HTTP, and what becomes of it."""

from __future__ import annotations

import logging
import threading
import time
import traceback

import pytest

from compressors.errors import Cancelled, DeadlineExceeded, ModelFailure, Overloaded
from compressors.work import Work
from tests.models.asking import KEY, SHORT, SOURCE, WORDS, summarize, summarizer
from tests.models.chat_endpoint import Reply, endpoint, fails, says


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (says("The Louvre opened in 1794."), "a number"),
        (says("The Louvre in Berlin opened."), "a name"),
        (says("das haus wurde lange danach erbaut."), "hardly a word"),
        (says(""), "is blank"),
        (says("The Louvre opened", reason="length"), "ends within its first sentence"),
        (says(None), "holds no text"),
        (Reply(b"<html>"), "no chat completion"),
        (Reply(b"[]"), "no chat completion"),
        (Reply(b'{"choices": []}'), "no chat completion"),
        (fails(500, "secret"), "status 500"),
        (fails(401, f"Incorrect API key provided: {KEY}"), "status 401"),
        (fails(404, "no such model"), "status 404"),
        (fails(503, "secret"), "status 503"),
    ],
)
def test_t8_refused_summaries_and_broken_endpoints_are_failures(reply: Reply, reason: str) -> None:
    """T8; one try, since the chain knows what to do after a failure."""
    with pytest.raises(ModelFailure, match=reason), endpoint([reply]) as server:
        summarizer(server).summarize("", [SOURCE], WORDS.budget(8))

    assert len(server.asked) == 1


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", 1.0), (None, 1.0)])
def test_an_endpoint_without_time_is_overloaded(header: str | None, seconds: float) -> None:
    headers = {} if header is None else {"retry-after": header}

    with pytest.raises(Overloaded) as caught:
        summarize([fails(429, "slow down", headers=headers)])

    assert caught.value.retry_after == seconds


def test_a_slow_endpoint_gets_the_time_that_the_request_has() -> None:
    """The client waits for the remaining deadline, no longer."""
    gate = threading.Event()
    work = Work(deadline=time.monotonic() + 0.3)

    with endpoint([Reply(b"", before=gate.wait)]) as server:
        try:
            with work.active(), pytest.raises(DeadlineExceeded):
                summarizer(server).summarize("", [SOURCE], WORDS.budget(8))
            waited = time.monotonic() - (work.deadline or 0.0)
        finally:
            gate.set()

    assert waited < 5.0


def test_an_endpoint_that_keeps_the_line_busy_does_not_outlast_the_deadline() -> None:
    """Some send white space until they have an answer, so no read ever takes long."""
    gate = threading.Event()
    reply = Reply(says(SHORT).body, drip=gate)
    work = Work(deadline=time.monotonic() + 0.4)

    with endpoint([reply]) as server:
        try:
            with work.active(), pytest.raises(DeadlineExceeded):
                summarizer(server).summarize("", [SOURCE], WORDS.budget(8))
        finally:
            gate.set()


def test_a_cancelled_request_ends_with_the_next_byte() -> None:
    gate = threading.Event()
    work = Work()

    with endpoint([Reply(says(SHORT).body, before=work.cancel, drip=gate)]) as server:
        try:
            with work.active(), pytest.raises(Cancelled):
                summarizer(server).summarize("", [SOURCE], WORDS.budget(8))
        finally:
            gate.set()


def test_nothing_is_sent_when_nobody_waits() -> None:
    with endpoint([says(SHORT)]) as server:
        with Work(deadline=0.0).active(), pytest.raises(DeadlineExceeded):
            summarizer(server).summarize("", [SOURCE], WORDS.budget(8))

        assert server.asked == []


def test_an_endpoint_that_is_away_is_a_failure() -> None:
    with endpoint([says(SHORT)]) as server:
        pass

    with pytest.raises(ModelFailure, match="failed with APIConnectionError"):
        summarizer(server).summarize("", [SOURCE], WORDS.budget(8))


def test_a_request_that_stays_bad_is_a_failure() -> None:
    with pytest.raises(ModelFailure, match="status 400"):
        summarize([fails(400, "context length exceeded", param="messages")])


@pytest.mark.parametrize(
    "reply",
    [
        fails(401, f"Incorrect API key provided: {KEY}. The Louvre."),
        fails(400, f"{KEY}: The Louvre is too long"),
        fails(500, f"{KEY} The Louvre"),
        Reply(f"{KEY} The Louvre".encode()),
        says(f"The Louvre {KEY} in Berlin."),
    ],
)
def test_neither_key_nor_text_gets_into_errors_and_logs(
    reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(ModelFailure) as caught:
        summarize([reply])

    told = "".join(traceback.format_exception(caught.value))
    for secret in (KEY, "Louvre"):
        assert secret not in told
        assert secret not in caplog.text
    with endpoint([reply]) as server:
        assert KEY not in repr(summarizer(server))
