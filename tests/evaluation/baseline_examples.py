"""Examples written for these tests, and the laws that every method keeps on them."""

from __future__ import annotations

from typing import Final

from compressors.budget import Counter
from evaluation.baselines.pieces import size
from evaluation.values import Example, Method, Source

BRIDGE: Final = Example(
    "bridge",
    "When was the bridge built?",
    ("1911",),
    (
        Source(
            "Holm bridge",
            "The Holm bridge was built in 1911. It is made of granite. Boats pass below it all"
            " day, and ferries at night. Its arches are as wide as the nave of the old church.",
            is_gold=True,
            support=((0, 34),),
        ),
        Source(
            "Trams",
            "Trams ran over the river until 1950. Their drivers wore red. A ticket cost 20"
            " pennies, for children half of it.",
        ),
        Source("Weather", "It rains often here. Snow falls in January, seldom in March."),
    ),
)
ODD: Final = Example(
    "odd",
    "What does it cost?",
    ("20",),
    (
        Source("", ""),
        Source("Blank", " \n "),
        Source("", "  Beginning with space.\n\nAnother paragraph:\n- one item\n- another (20 €)\n"),
        Source("Mixed", "Ünlü café, naïve! 世界你好。今天下雨。 [SEP] x.. y ... . . z\u200b 😀"),
        Source("Signs", "☃ ☃ ☃"),
        Source("Long", "word " * 700),
    ),
)
BUDGETS: Final = (0, 1, 2, 5, 9, 17, 30, 64, 300, 10_000)


def laws(method: Method, example: Example, counter: Counter) -> None:
    """Budgets hold; documents and spans are in order and inside; the same comes out again."""
    results = method.shorten(example, BUDGETS)

    assert len(results) == len(BUDGETS)
    for budget, result in zip(BUDGETS, results, strict=True):
        assert size(result, counter) <= budget
        documents = [kept.document for kept in result]
        assert documents == sorted(set(documents))
        for kept in result:
            assert kept.text.strip()
            text = example.documents[kept.document].text
            at = 0
            for start, end in kept.spans or ():
                assert at <= start < end <= len(text)
                at = end
    assert results[-1]
    assert list(method.shorten(example, BUDGETS)) == list(results)
    assert list(method.shorten(example, BUDGETS[3:4])) == list(results[3:4])
