"""The command against a real server, with few requests."""

from __future__ import annotations

import pytest

from benchmarks.load.__main__ import arguments_of, measured
from benchmarks.load.requests import mixed, of_size, short
from training.data import data_folder

pytestmark = pytest.mark.skipif(
    not (data_folder() / "README.md").exists(), reason="the shared data is not here"
)
TINY = (
    *("--passages", "1", "--pool", "2", "--threads", "1", "--clients", "3", "--channels", "2"),
    *("--seconds", "2", "--warm", "0.5", "--calm", "1", "--deadline", "3", "--loads", "2"),
    *("--alone", "2", "--rounds", "1", "--side-requests", "2", "--side-seconds", "2"),
    *("--sizes", "300,600", "--callers", "2", "--markdown"),
)


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


async def test_tables_are_printed_and_every_answer_is_good(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = await measured(arguments_of([*TINY, "--parts", "loads"]))

    printed = capsys.readouterr().out
    assert status == 0
    assert "| closed loop |" in printed
    assert "| 2 x |" in printed
    assert "| 2 x: goodput | >= 90 % |" in printed


@pytest.mark.slow
async def test_the_other_parts_are_printed_and_the_sides_read_the_same_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = await measured(arguments_of([*TINY, "--parts", "overhead,sides,sizes"]))

    printed = capsys.readouterr().out
    assert status == 0
    assert "| 10 passages, alone |" in printed
    assert "| raw forward, packed: the limit |" in printed
    assert ": the same rows." in printed
    assert "| 2 | " in printed


@pytest.mark.slow
async def test_memory_is_looked_at_while_requests_come(capsys: pytest.CaptureFixture[str]) -> None:
    status = await measured(arguments_of([*TINY, "--memory", "60"]))

    assert status == 0
    assert "60 good. Growth after the first quarter:" in capsys.readouterr().out


def test_requests_are_the_same_every_time_and_all_different() -> None:
    made = mixed(9, passages=(5, 10, 20), seed=1, count_tokens=words)

    assert [one.passages for one in made] == [5, 10, 20] * 3
    assert len({one.message.SerializeToString() for one in made}) == 9
    assert made == mixed(9, passages=(5, 10, 20), seed=1, count_tokens=words)
    assert made[:4] == mixed(4, passages=(5, 10, 20), seed=1, count_tokens=words)
    with pytest.raises(ValueError, match="different requests"):
        mixed(10**6, passages=(20,), seed=1, count_tokens=words)
    with pytest.raises(ValueError, match="no row has 21 passages"):
        mixed(1, passages=(21,), seed=1, count_tokens=words)


def test_a_request_of_a_size_has_about_that_size() -> None:
    first, second = of_size(5_000, 2, seed=1, count_tokens=words)

    assert 5_000 <= first.tokens < 6_000
    assert first.message != second.message


def test_short_requests_do_not_repeat() -> None:
    made = [one.message.SerializeToString() for one in short(3_000, seed=1, count_tokens=words)]

    assert len(set(made)) == len(made) == 3_000
