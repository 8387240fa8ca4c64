"""The Dockerfile, read: there is no daemon to build it with in the tests."""

import re
import shlex
from dataclasses import dataclass
from typing import Self

import pytest

from tests.deploy.rendering import ROOT, render

CONTEXT = ROOT / ".dockerignore"


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM and what follows it."""

    name: str
    parent: str
    steps: tuple[tuple[str, str], ...]

    def all(self, word: str) -> list[str]:
        return [rest for name, rest in self.steps if name == word]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """Stages in their order, and the ARGs before the first."""

    stages: tuple[Stage, ...]
    args: dict[str, str]

    @classmethod
    def read(cls, text: str) -> Self:
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        joined = re.sub(r"\\\n", " ", "\n".join(lines))
        steps = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
        starts = [i for i, (word, _) in enumerate(steps) if word == "FROM"]
        args = dict(rest.split("=", 1) for _, rest in steps[: starts[0]])
        stages = []
        for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
            parent, _, name = steps[start][1].partition(" AS ")
            body = tuple((word, rest) for word, rest in steps[start + 1 : end])
            stages.append(Stage(name, parent, body))
        return cls(tuple(stages), args)

    def lineage(self, name: str) -> list[Stage]:
        """The stage and those that it stands on, the nearest first."""
        found = [stage for stage in self.stages if stage.name == name]
        return [] if not found else [found[0], *self.lineage(found[0].parent)]

    def last(self, name: str, word: str) -> str:
        """What the stage ends up with, of an instruction where the last one counts."""
        return next(stage.all(word)[-1] for stage in self.lineage(name) if stage.all(word))

    def environment(self, name: str) -> dict[str, str]:
        pairs = [
            pair
            for stage in reversed(self.lineage(name))
            for line in stage.all("ENV")
            for pair in shlex.split(line)
        ]
        return dict(pair.split("=", 1) for pair in pairs)


@pytest.fixture(scope="module")
def file() -> Dockerfile:
    return Dockerfile.read((ROOT / "deploy/Dockerfile").read_text())


def test_a_build_without_a_target_makes_the_cpu_image(file: Dockerfile) -> None:
    names = [stage.name for stage in file.stages]

    assert names[-1] == "cpu"
    assert "cuda" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_images_run_as_the_chart_runs_them(file: Dockerfile, target: str) -> None:
    context = render().pod["spec"]["securityContext"]
    ports = {str(one["containerPort"]) for one in render().container["ports"]}

    assert file.last(target, "USER") == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert set(file.last(target, "EXPOSE").split()) == ports
    assert file.last(target, "ENTRYPOINT") == '["condensery"]'
    assert file.last(target, "CMD") == '["serve"]'
    assert render().container["args"] == ["serve"]


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_images_are_offline_and_write_nothing(file: Dockerfile, target: str) -> None:
    environment = file.environment(target)

    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["TOKENIZERS_PARALLELISM"] == "false"
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["HOME"] == "/tmp"  # noqa: S108 - the only place that a pod can write to
    # With "all" here, a pod that asked for no GPU would still see every one of the node.
    assert "NVIDIA_VISIBLE_DEVICES" not in environment


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_every_build_compresses_a_text_as_the_final_user_without_a_network(
    file: Dockerfile, target: str
) -> None:
    stage = file.lineage(target)[0]
    words = [word for word, _ in stage.steps]
    (smoke,) = stage.all("RUN")

    assert smoke.startswith("--network=none ")
    assert "condensery compress" in smoke
    assert words.index("USER") < words.index("RUN") == len(words) - 1


def test_nothing_comes_from_a_moving_tag_or_an_address(file: Dockerfile) -> None:
    assert re.fullmatch(r"python:3\.1[12][.0-9]*-slim(-\w+)?", file.args["PYTHON_IMAGE"])
    for stage in file.stages:
        own = {other.name for other in file.stages}
        assert stage.parent in {*own, "${PYTHON_IMAGE}"}
        assert stage.all("ADD") == []
        assert not any(re.search(r"\b(curl|wget|git clone)\b", run) for run in stage.all("RUN"))


def test_every_dependency_is_constrained(file: Dockerfile) -> None:
    installs = [
        run for stage in file.stages for run in stage.all("RUN") if run.startswith("pip install")
    ]

    assert len(installs) == 4
    assert all("--constraint /tmp/constraints.txt" in run for run in installs)
    # The client's wheel stands beside the server's: its name is never looked up elsewhere.
    assert sum("/wheels/condensery-*.whl" in run for run in installs) == 2


def test_everything_that_the_server_is_made_of_reaches_the_build() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    lines = [line for line in CONTEXT.read_text().splitlines() if line and line[0] != "#"]
    allowed = {line[1:] for line in lines if line.startswith("!")}

    assert lines[0] == "*"
    needed = {*packages, "client", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
    assert allowed == needed
    assert {name for name in needed if not (ROOT / name).exists()} == set()
