"""What is remembered, and by what it is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from evaluation.measures import Outcome
from evaluation.store import Store, digest, fingerprint


def test_lines_of_other_fingerprints_stay_in_the_file(tmp_path: Path) -> None:
    outcome = Outcome("1", 9, 3, None, None, None, None, None, empty=False, longer=False, seconds=1)
    file = tmp_path / "deep" / "file.jsonl"
    Store(file, "a").add([("rate 0.1", 3, outcome)])
    Store(file, "b").add([("rate 0.1", 3, replace(outcome, seconds=2))])

    again = Store(file, "a").get("rate 0.1", 3, "1")

    assert again == outcome
    assert Store(file, "c").get("rate 0.1", 3, "1") is None
    assert Store(file, "a").get("rate 0.1", 4, "1") is None


def test_fingerprints_and_digests_are_of_content(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "a.py").write_text("1")
    before = digest(tmp_path)

    (tmp_path / "__pycache__" / "a.pyc").write_text("2")
    same = digest(tmp_path)
    (tmp_path / "a.py").write_text("2")

    assert before == same != digest(tmp_path)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1})
