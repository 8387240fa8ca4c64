"""The command ``eval``: on a server of the hand, and once on the embedded model."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from evaluation.baselines import NAMES
from evaluation.measures import Outcome
from service.cli import main
from service.evaluate import USUAL, no_good
from tests.service.test_cli import server

COMMAND = str(Path(sys.executable).with_name("condensery"))

BRIDGES = (
    "The Ola bridge was built by Anna Holm in 1911. It is made of red stone. Boats pass below it "
    "all day, and many people come to watch them from the banks."
)
BIRDS = (
    "Gulls and ducks live along the river. In winter they gather near the warm outlet of the mill. "
    "Children bring them bread on Sundays."
)
TOWN = "The town hall is older than the church. Its clock has stopped twice. Nobody knows why."
ASKED = [
    ("Who built the Ola bridge?", "Anna Holm"),
    ("When was the Ola bridge built?", "1911"),
    ("What is the bridge made of?", "red stone"),
    ("Where do the gulls and ducks gather in winter?", "the warm outlet of the mill"),
    ("How often has the clock of the town hall stopped?", "twice"),
]


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with server() as target:
        yield target


@pytest.fixture(scope="module")
def bridges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sets") / "bridges.jsonl.gz"
    rows = []
    for number, (query, answer) in enumerate(ASKED):
        documents = [
            {"id": title, "title": title, "text": text, "is_gold": answer in text}
            for title, text in [("Bridges", BRIDGES), ("Birds", BIRDS), ("The town", TOWN)]
        ]
        rows.append(
            {"id": f"b{number}", "query": query, "answers": [answer], "documents": documents}
        )
    file.write_bytes(gzip.compress("".join(json.dumps(each) + "\n" for each in rows).encode()))
    return file


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizer of the server of the hand, here: what is between spaces is a token."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(tmp_path / "words.json"))
    monkeypatch.setenv("CONDENSERY_TOKENIZERS", f"words={tmp_path / 'words.json'}")
    monkeypatch.setenv("CONDENSERY_DEFAULT_TOKENIZER", "words")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, arguments)])


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("words")
def test_methods_stand_side_by_side(bridges: Path, tmp_path: Path, target: str) -> None:
    options = ["--rates", ".3,.6", "--thresholds", "0.4", "--against", "lead,bm25"]

    result = run(bridges, "-o", tmp_path / "out", *options, "--target", target, "-j", 3)

    assert result.exit_code == 0, result.output
    rows = rows_of(tmp_path / "out")
    methods = ["condensery:default", "lead", "bm25"]
    assert [(row["point"], row["method"]) for row in rows] == [
        (point, method) for point in ("rate 0.3", "rate 0.6", "threshold 0.4") for method in methods
    ]
    assert {row["examples"] for row in rows} == {"5"}
    assert {(row["empty"], row["longer"]) for row in rows} == {("0", "0")}
    assert all(float(row["token_rate"]) <= 0.3 for row in rows[:3])
    for part in ("bridges, rate 0.3", "bridges, threshold 0.4", "bm25"):
        assert part in result.stdout
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(told["bridges"]["rate 0.3"]) == methods
    assert list((tmp_path / "out").glob("*.png"))


@pytest.mark.usefixtures("words")
def test_several_chains_are_compared(bridges: Path, tmp_path: Path, target: str) -> None:
    chains = ["-c", "fine", "-c", "default", "-c", "fine"]

    result = run(bridges, "-o", tmp_path, *chains, "--against", "none", "--target", target)

    assert result.exit_code == 0, result.output
    assert [row["method"] for row in rows_of(tmp_path)[:2]] == [
        "condensery:fine",
        "condensery:default",
    ]
    assert len(rows_of(tmp_path)) == 6


@pytest.mark.usefixtures("words")
def test_a_file_that_is_no_data_set_is_one_line(tmp_path: Path, target: str) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text('{"id": "1", "query": "secret", "answers": [], "documents": "secret"}\n')

    result = run(file, "-o", tmp_path / "out", "--against", "none", "--target", target)

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: {file}:1: ")
    assert "secret" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--rates", "2"], "no rate: 2"),
        (["--rates", "much"], "rates must be numbers"),
        (["--thresholds", "-1"], "no threshold: -1"),
        (["--against", "lead,nobody"], "no method nobody; there are lead,"),
        (["--reader", "openai"], "needs an URL and a model"),
        (["--reader-url", "http://localhost:1"], "for the reader openai"),
        (["--tokenizer", "none"], "unknown tokenizer: 'none'; known: minilm"),
        # The server counts words, which this process does not know.
        ([], "the server has no tokenizer 'minilm'; it has words"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    bridges: Path, tmp_path: Path, target: str, arguments: Sequence[str], problem: str
) -> None:
    result = run(bridges, "-o", tmp_path / "out", "--target", target, *arguments)

    assert result.exit_code == 1
    assert problem in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_two_files_for_one_set_are_refused(bridges: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bridges.jsonl"
    copy.write_bytes(gzip.decompress(bridges.read_bytes()))

    result = run(bridges, copy, "-o", tmp_path / "out")

    assert result.exit_code == 1
    assert "several files for the set bridges" in result.stderr


def test_what_is_compared_with_unless_told_otherwise_is_there() -> None:
    assert set(USUAL) <= set(NAMES)


def test_empty_and_longer_results_of_chains_are_counted() -> None:
    def outcome(*, empty: bool = False, longer: bool = False) -> Outcome:
        return Outcome("1", 9, 3, None, None, None, None, None, empty, longer, 1.0)

    good, bad = [outcome()], [outcome(), outcome(empty=True), outcome(longer=True)]

    assert no_good([{"rate 0.1": {"ours": bad, "theirs": bad}}], ["ours"]) == 2
    assert no_good([{"rate 0.1": {"ours": good, "theirs": bad}}], ["ours"]) == 0


def done(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, on the embedded model."""
    environment = {**os.environ, "CONDENSERY_DEVICE": "cpu", "CONDENSERY_THREADS": "1"}
    command = [COMMAND, "eval", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env=environment, check=True)


def test_the_embedded_model_keeps_what_answers(bridges: Path, tmp_path: Path) -> None:
    ran = done(bridges, "-o", tmp_path, "--rates", ".25", "--against", "random", "-j", 2)

    assert b"bridges condensery:default" in ran.stderr
    ours, chance = rows_of(tmp_path)
    assert float(ours["answers_kept_mean"]) > float(chance["answers_kept_mean"])
    assert float(ours["token_rate"]) <= 0.25


@pytest.mark.slow
def test_a_second_process_repeats_the_first_without_its_work(bridges: Path, tmp_path: Path) -> None:
    arguments = [bridges, "-o", tmp_path, "--thresholds", ".5", "--against", "cosine"]

    first, written = done(*arguments), _outcomes(tmp_path)
    second = done(*arguments)

    assert second.stdout == first.stdout
    assert b"bridges" not in second.stderr
    assert _outcomes(tmp_path) == written
    ours, cosine = rows_of(tmp_path)
    assert 0 < float(cosine["token_rate"]) <= float(ours["token_rate"])


def _outcomes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "outcomes").iterdir()}
