"""How many threads a process gives itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compressors.engine import available_cpus, limit_threads

AFFINITY = len(os.sched_getaffinity(0))


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 64 CPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    assert available_cpus(tmp_path) == AFFINITY


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("400000 100000", 4),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("max 100000", 64),
        ("nonsense", 64),
        ("", 64),
    ],
)
def test_reads_the_quota_of_version_2(tmp_path: Path, text: str, cpus: int) -> None:
    root = tree(tmp_path, {"sys/fs/cgroup/cpu.max": text})

    assert available_cpus(root) == cpus


@pytest.mark.usefixtures("many")
def test_the_smallest_quota_above_the_process_counts(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pods.slice/pod-7/container\n",
            "sys/fs/cgroup/pods.slice/cpu.max": "3200000 100000",
            "sys/fs/cgroup/pods.slice/pod-7/cpu.max": "300000 100000",
            "sys/fs/cgroup/pods.slice/pod-7/container/cpu.max": "800000 100000",
        },
    )

    assert available_cpus(root) == 3


@pytest.mark.usefixtures("many")
def test_reads_the_quota_of_version_1(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/7\n0::/\n",
            "sys/fs/cgroup/cpu/docker/7/cpu.cfs_quota_us": "600000\n",
            "sys/fs/cgroup/cpu/docker/7/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )

    assert available_cpus(root) == 6


def test_sets_what_the_libraries_read() -> None:
    environ: dict[str, str] = {}

    assert limit_threads(environ, 3) == 3
    assert environ == {
        "OMP_NUM_THREADS": "3",
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
    }


def test_counts_the_cpus_unless_it_is_told() -> None:
    environ: dict[str, str] = {}

    assert limit_threads(environ) == available_cpus()
    assert environ["OMP_NUM_THREADS"] == str(available_cpus())


def test_keeps_what_the_operator_chose() -> None:
    environ = {"OMP_NUM_THREADS": "5", "OMP_WAIT_POLICY": "ACTIVE"}

    assert limit_threads(environ) == 5
    assert environ["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.slow
def test_torch_has_as_many_threads_as_were_set() -> None:
    code = (
        "import os; from compressors.engine import limit_threads; limit_threads(os.environ, 1);"
        "import torch; assert torch.get_num_threads() == 1, torch.get_num_threads()"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
