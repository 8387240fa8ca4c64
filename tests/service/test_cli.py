from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.service.hand import CATS, LOUVRE, QUERY, served

COMMAND = str(Path(sys.executable).with_name("condensery"))
KEPT = "The Louvre is in Paris."


@contextmanager
def server() -> Iterator[str]:
    """The target of a server on models of the hand, in a thread of its own."""
    target: list[str] = []
    begun, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with served() as hand:
            target.append(hand.server.target)
            begun.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert begun.wait(60)
        yield target[0]
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with server() as target:
        yield target


def run(*arguments: object, input: bytes | None = None) -> Result:  # noqa: A002 - as in click
    return CliRunner().invoke(main, [str(each) for each in arguments], input=input)


def line(id_: str = "1", **values: Any) -> str:
    documents = [{"id": "a", "text": LOUVRE}, {"id": "b", "text": CATS, "title": "Cats"}]
    return json.dumps({"id": id_, "query": QUERY, "documents": documents, "meta": {}} | values)


def requests(folder: Path, *lines: str) -> Path:
    file = folder / "in.jsonl"
    file.write_text("".join(f"{each}\n" for each in lines))
    return file


def test_a_file_becomes_a_file_of_results_in_order(tmp_path: Path, target: str) -> None:
    source = requests(tmp_path, *(line(str(number)) for number in range(30)))
    output = tmp_path / "out.jsonl"

    result = run("compress", source, "-o", output, "--max-tokens", 6, "--target", target)

    assert result.exit_code == 0, result.output
    results = [json.loads(each) for each in output.read_text().splitlines()]
    assert [each["id"] for each in results] == [str(number) for number in range(30)]
    assert {each["text"] for each in results} == {KEPT}
    first, second = results[0]["documents"]
    assert first == {
        "id": "a", "outcome": "compressed", "spans": [[0, 23]],
        "scores": [0.75], "scoring": "model",
    }  # fmt: skip
    assert (second["id"], second["outcome"], second["spans"]) == ("b", "dropped", [])
    assert (results[0]["tokens_before"], results[0]["tokens_after"]) == (17, 5)
    assert "30 lines, 510 → 150 tokens (29.4%)" in result.stderr


def test_lines_say_where_the_evidence_is_insufficient(tmp_path: Path, target: str) -> None:
    source = requests(tmp_path, line("1"), line("2", query="Which planet has rings?"))

    result = run("compress", source, "--allow-empty", "--target", target)

    results = [json.loads(each) for each in result.stdout.splitlines()]
    assert [each["insufficient_evidence"] for each in results] == [False, True]
    assert [each["text"] for each in results] == [KEPT, ""]
    assert "2 lines, 1 without evidence, 34 → 5 tokens" in result.stderr


def test_lines_may_have_titles(tmp_path: Path, target: str) -> None:
    source = requests(tmp_path, line("1", query="Which birds sing at dawn?"))

    result = run("compress", source, "--with-titles", "--target", target)

    assert json.loads(result.stdout)["text"] == "Cats\nBirds sing at dawn."


def test_packed_files_are_read_and_results_may_go_to_standard_output(
    tmp_path: Path, target: str
) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(line().encode()))

    result = run("compress", source, "--rate", 0.4, "--target", target)

    assert json.loads(result.stdout)["text"] == KEPT


def test_the_chain_can_be_chosen(tmp_path: Path, target: str) -> None:
    source = requests(tmp_path, line())

    result = run("compress", source, "--rate", 0.4, "--chain", "fine", "--target", target)

    assert [each["stage"] for each in json.loads(result.stdout)["stages"]] == ["exit", "llmlingua2"]


def test_bad_lines_are_reported_by_number_and_the_rest_is_done(tmp_path: Path, target: str) -> None:
    lone = line("3").replace("Louvre", "\\ud800")
    source = requests(tmp_path, line("1"), "{", lone, line("4", documents=[]), line("5"))

    result = run("compress", source, "--rate", 0.4, "--target", target)

    assert result.exit_code == 1
    assert [json.loads(each)["id"] for each in result.stdout.splitlines()] == ["1", "5"]
    for number, problem in [(2, "not JSON"), (3, "lone surrogate"), (4, "documents")]:
        assert f"line {number}: " in result.stderr
        assert problem in result.stderr
    assert "2 lines, 3 bad" in result.stderr


def test_dev_null_is_a_file_too(tmp_path: Path, target: str) -> None:
    source = requests(tmp_path, line())

    assert run("compress", source, "-o", "/dev/null", "--target", target).exit_code == 0


def test_text_files_are_shown_with_what_is_kept(tmp_path: Path, target: str) -> None:
    first, second = tmp_path / "louvre.txt", tmp_path / "cats.txt"
    first.write_text(LOUVRE)
    second.write_text(CATS)

    result = run("compress", "-q", QUERY, first, second, "--rate", 0.4, "--target", target)

    assert result.exit_code == 0, result.output
    assert f"⟦{KEPT}⟧ Cats sleep a lot." in result.stdout
    assert CATS in result.stdout
    assert f"{second}: dropped, 8 → 0 tokens" in result.stdout
    assert "overlap" in result.stdout
    assert "Insufficient" not in result.stdout


def test_a_query_that_no_text_answers_is_said_to_be_one(tmp_path: Path, target: str) -> None:
    file = tmp_path / "cats.txt"
    file.write_text(CATS)

    result = run("compress", "-q", QUERY, file, "--target", target)

    assert "Insufficient evidence: no sentence reaches the threshold." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--rate", "0.5", "--max-tokens", "5"], "exclude each other"),
        (["--max-tokens", "0"], "max-tokens"),
        (["-o", "/nowhere/out"], "/nowhere/out"),
        (["--at-once", "0"], "at-once"),
    ],
)
def test_options_that_cannot_be_are_refused(
    tmp_path: Path, target: str, arguments: list[str], problem: str
) -> None:
    result = run("compress", requests(tmp_path, line()), "--target", target, *arguments)

    assert result.exit_code in {1, 2}
    assert problem in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "problem"), [(["--rate", "2"], "budget.rate"), (["--chain", "x"], "chain")]
)
def test_what_the_server_refuses_is_said_for_every_line(
    tmp_path: Path, target: str, arguments: list[str], problem: str
) -> None:
    result = run("compress", requests(tmp_path, line()), "--target", target, *arguments)

    assert result.exit_code == 1
    assert f"line 1: {problem}" in result.stderr


def test_a_server_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    source = requests(tmp_path, *(line(str(number)) for number in range(30)))

    result = run("compress", source, "--target", "localhost:1")

    assert result.exit_code == 1
    assert result.stderr.count("Error:") == 1


@pytest.mark.parametrize("content", [b"\xff", None])
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, target: str, content: bytes | None
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)

    result = run("compress", "-q", QUERY, file, "--target", target)

    assert result.exit_code in {1, 2}
    assert str(file) in result.stderr


def test_several_files_need_a_query(tmp_path: Path, target: str) -> None:
    source = requests(tmp_path, line())

    result = run("compress", source, source, "--target", target)

    assert result.exit_code == 2
    assert "--query" in result.stderr


def test_info_says_what_a_server_offers(target: str) -> None:
    shown = run("info", "--target", target)
    told = json.loads(run("info", "--json", "--target", target).stdout)

    assert "exit → llmlingua2" in shown.stdout
    assert told["chains"] == {"default": ["exit"], "fine": ["exit", "llmlingua2"]}
    assert told["limits"]["max_documents"] == 1000


def test_wrong_settings_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDENSERY_PROT", "1")

    result = run("serve")

    assert result.exit_code == 1
    assert result.stderr == "Error: unknown setting CONDENSERY_PROT\n"


def test_help_does_not_wait_for_models() -> None:
    code = (
        "import sys, service.cli; print([m for m in ('torch', 'grpc', 'rich') if m in sys.modules])"
    )

    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert imported.stdout.strip() == b"[]"


def test_without_a_target_this_process_does_the_work(tmp_path: Path) -> None:
    source = requests(tmp_path, line("1"), "{", line("3"))
    environment = {**os.environ, "CONDENSERY_DEVICE": "cpu", "CONDENSERY_THREADS": "1"}

    done = subprocess.run(
        [COMMAND, "compress", str(source), "--rate", "0.5"],
        capture_output=True,
        env=environment,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert [json.loads(each)["id"] for each in done.stdout.splitlines()] == ["1", "3"]
    assert KEPT in json.loads(done.stdout.splitlines()[0])["text"]
    assert b"line 2: not JSON" in done.stderr


def test_an_index_is_built_from_a_file_of_documents(tmp_path: Path) -> None:
    source = tmp_path / "documents.jsonl"
    source.write_text(json.dumps({"id": "a", "text": LOUVRE}) + "\n")
    environment = {**os.environ, "CONDENSERY_DEVICE": "cpu", "CONDENSERY_THREADS": "1"}
    folder = tmp_path / "index"

    done = subprocess.run(
        [COMMAND, "index", "build", str(source), "-o", str(folder)],
        capture_output=True,
        env=environment,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert b"1 documents" in done.stderr
    assert list(folder.iterdir())
