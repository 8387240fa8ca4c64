from __future__ import annotations

import random
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from training.data import Corpus  # noqa: E402
from training.examples import Group, document  # noqa: E402
from training.plan import Plan  # noqa: E402
from training.recipe import Recipe  # noqa: E402
from training.variety import keywords, retitled, spoilt, typo, without_punctuation  # noqa: E402

_GOLD = document("Harbour", "The harbour was built in 1904. Ships come there.", ((0, 30),))
_OTHERS = tuple(document("Mill", f"The mill number {at} grinds corn.") for at in range(6))


def _plan(**changes: object) -> Plan:
    groups = [
        Group("one", str(at), f"When was harbour {at} built?", (_GOLD,), _OTHERS)
        for at in range(20)
    ]
    recipe = replace(Recipe(mix={"one": 1.0}, groups=3), **changes)  # type: ignore[arg-type]
    return Plan(recipe, Corpus({"one": groups}, {}, []))


def test_a_step_is_drawn_the_same_again() -> None:
    first, second = (
        _plan(varied=0.5, together={"one": 0.5}),
        _plan(varied=0.5, together={"one": 0.5}),
    )

    assert [first.draw(step) for step in range(9)] == [second.draw(step) for step in range(9)]


def test_every_query_comes_once_before_any_comes_again() -> None:
    plan = _plan(groups=4)

    queries = [listing.query for step in range(5) for listing in plan.draw(step)]

    assert len(set(queries)) == 20


def test_what_is_read_together_holds_the_gold_and_fits() -> None:
    long = document("", "Word after word follows here. " * 30)
    group = Group("one", "1", "When?", (_GOLD,), (long,) * 4)
    plan = Plan(
        Recipe(mix={"one": 1.0}, groups=1, together={"one": 1.0}), Corpus({"one": [group]}, {}, [])
    )

    for step in range(6):
        alone, together = plan.draw(step)
        assert together.together
        assert not alone.together
        assert _GOLD in together.documents
        assert sum(len(one.text) for one in together.documents) <= 1900


def test_variety_leaves_some_queries_without_any_answer() -> None:
    plan = _plan(varied=1.0)

    listings = [listing for step in range(60) for listing in plan.draw(step)]

    unanswered = [one for one in listings if not any(d.support for d in one.documents)]
    assert 0.1 < len(unanswered) / len(listings) < 0.3
    assert any(
        one.query not in {f"When was harbour {at} built?" for at in range(20)} for one in listings
    )


def test_a_wrong_document_gets_the_title_of_the_right_one() -> None:
    group = Group("one", "1", "When?", (_GOLD,), _OTHERS)

    found = retitled([_GOLD, *_OTHERS], group, random.Random(1))  # noqa: S311

    assert [one.title for one in found].count("Harbour") == 2
    assert [one.text for one in found] == [one.text for one in [_GOLD, *_OTHERS]]


def test_queries_are_spoilt_but_never_lost() -> None:
    assert keywords("Where is the old harbour?") == "old harbour"
    assert keywords("Who is it?") == "Who is it?"
    assert without_punctuation("Mr. Hill's, then?") == "Mr Hill s then"
    assert typo("to be or not", random.Random(1)) == "to be or not"  # noqa: S311
    for seed in range(40):
        rng = random.Random(seed)  # noqa: S311
        changed = typo("harbour master", rng)
        assert changed != "harbour master"
        assert len(changed) in {13, 14}
        assert spoilt("Who runs the harbour?", rng)
