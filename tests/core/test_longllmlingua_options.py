"""The options of LongLLMLingua: the package evaluates one of them as a program."""

from __future__ import annotations

import math

import pytest

from compressors import InvalidInput
from compressors.longllmlingua import LongLlmlingua, Method
from tests.core.test_longllmlingua import LetterReader


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rate": 0.0}, "rate"),
        ({"rate": math.nan}, "rate"),
        ({"mode": "fast"}, "mode"),
        ({"condition_in_question": "none"}, "condition_in_question"),
        ({"reorder_context": "two_stage"}, "reorder_context"),
        ({"dynamic_context_compression_ratio": 1.5}, "dynamic_context_compression_ratio"),
        ({"context_budget": "+__import__('os').getpid()"}, "context_budget"),
        ({"context_budget": "+007"}, "context_budget"),
        ({"context_budget": "**9"}, "context_budget"),
        ({"context_budget": "+٣"}, "context_budget"),
        ({"context_budget": "+1\n"}, "context_budget"),
    ],
)
def test_refuses_options_that_the_package_has_not(options: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        LongLlmlingua(LetterReader(), "by-hand", **options)  # type: ignore[arg-type] - any

    assert caught.value.field == f"longllmlingua.{field}"


@pytest.mark.parametrize("text", ["+0", "+100", "*2", "*1.5", "+999999"])
def test_takes_budgets_that_the_package_understands(text: str) -> None:
    assert eval("100" + text) >= 0  # noqa: S307 - as the package does
    assert Method(context_budget=text).context_budget == text
