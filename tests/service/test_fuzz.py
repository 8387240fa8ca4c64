"""Decode, validate, segment: what atheris looks at, also where there is no atheris."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.decode import check, seeds

RUNS = 5_000


def test_the_seeds_are_what_they_should_be() -> None:
    assert [check(seed) for seed in seeds()] == [True, True, False]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(seeds()), st.data())
def test_a_seed_with_other_bytes_in_it_is_worked_on_or_refused(
    seed: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 8)))

    check(seed[:start] + data.draw(st.binary(max_size=16)) + seed[end:])


@pytest.mark.skipif(find_spec("atheris") is None, reason="the extra `fuzz` is not installed")
def test_atheris_finds_nothing(tmp_path: Path) -> None:
    for number, seed in enumerate(seeds()):
        (tmp_path / str(number)).write_bytes(seed)
    options = [f"-runs={RUNS}", "-max_total_time=20", "-seed=1", "-timeout=10"]
    command = [sys.executable, "-m", "fuzz.decode", *options, str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done" in done.stderr
