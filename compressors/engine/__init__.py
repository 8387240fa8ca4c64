"""Turn many small model calls into few large ones."""

from compressors.engine.engine import Engine
from compressors.engine.failures import DeviceLost
from compressors.engine.settings import EngineSettings
from compressors.engine.stats import BatchReport, EngineStats, ModelStats
from compressors.engine.threads import available_cpus, limit_threads

__all__ = [
    "BatchReport",
    "DeviceLost",
    "Engine",
    "EngineSettings",
    "EngineStats",
    "ModelStats",
    "available_cpus",
    "limit_threads",
]
