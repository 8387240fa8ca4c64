"""As many threads as the machine lets this process have, decided before torch is imported."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path, PurePosixPath

_LOG = logging.getLogger(__name__)


def limit_threads(environ: MutableMapping[str, str], threads: int | None = None) -> int:
    """Set how OpenMP and tokenizers behave in this process. Gives the number of threads.

    ``environ`` is ``os.environ``; OpenMP reads it when torch is imported, so this comes first.
    Without ``threads``, what the environment says already stays, or else the CPUs that the
    process may use are counted.
    """
    if "torch" in sys.modules:
        _LOG.warning("torch is imported already: thread settings come too late")
    # A thread that spins at a barrier takes the CPU from the one that everybody waits for: 29
    # times slower was measured where two threads had two busy neighbours.
    environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Our own threads tokenise; more below them would only compete.
    environ["TOKENIZERS_PARALLELISM"] = "false"
    if threads is None:
        threads = _positive(environ.get("OMP_NUM_THREADS", "")) or available_cpus()
    environ["OMP_NUM_THREADS"] = str(threads)
    return threads


def available_cpus(root: Path = Path("/")) -> int:
    """Whole CPUs within the cgroup quota and the affinity of this process, at least 1.

    ``root`` is where ``proc`` and ``sys`` are found.
    """
    quotas = [*_quotas_v2(root), *_quotas_v1(root)]
    # Rounded down: a thread more than the quota has all of them stopped for part of each period.
    return max(1, int(min([float(_affinity()), *quotas])))


def _affinity() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas_v2(root: Path) -> Iterator[float]:
    for folder in _folders(root, controller="", mount="sys/fs/cgroup"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if _positive(quota) and _positive(period):
            yield int(quota) / int(period)


def _quotas_v1(root: Path) -> Iterator[float]:
    for folder in _folders(root, controller="cpu", mount="sys/fs/cgroup/cpu"):
        quota = _positive(_read(folder / "cpu.cfs_quota_us"))
        period = _positive(_read(folder / "cpu.cfs_period_us"))
        if quota and period:
            yield quota / period


def _folders(root: Path, *, controller: str, mount: str) -> Iterator[Path]:
    # Every group above ours limits us too. In a container the path is often one of the host's,
    # which does not exist here; then only the top counts, and that is the container's own group.
    yield root / mount
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            group = PurePosixPath(path.lstrip("/"))
            yield from (root / mount / part for part in (group, *group.parents))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _positive(text: str) -> int | None:
    return int(text) if text.isdecimal() and int(text) > 0 else None
