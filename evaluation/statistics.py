"""How sure a mean is, and whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES: Final = 1000
LEVEL: Final = 0.95
_SEED: Final = 20261124
_BINS: Final = 15


class Estimate(NamedTuple):
    """A mean with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """``count`` probabilities next to one another: their mean, and how often they came true."""

    count: int
    predicted: float
    observed: float


def interval(values: Sequence[float]) -> Estimate:
    """The mean over examples, with its interval by the percentile bootstrap.

    Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3: 1,000 resamples of
    the examples, always the same ones for the same number of examples. Raises ``ValueError``
    without values or with one that is no finite number.
    """
    import numpy as np

    given = np.asarray(values, dtype=np.float64)
    if not given.size or not np.isfinite(given).all():
        raise ValueError("only one or more finite numbers have a mean")
    # About the first value, so that equal ones have a mean without rounding.
    means = given[0] + _resamples(given.size) @ (given - given[0]) / given.size
    low, high = np.percentile(means, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return Estimate(float(given[0] + (given - given[0]).mean()), float(low), float(high))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """How much higher ours are than theirs of the same examples, with its interval.

    Examples are drawn, not values: what is hard for both does not widen the interval. Raises
    ``ValueError`` if one side is longer, or as ``interval`` does.
    """
    return interval([one - other for one, other in zip(ours, theirs, strict=True)])


def calibration_error(
    probabilities: Sequence[float], labels: Sequence[bool], bins: int = _BINS
) -> float:
    """The expected calibration error of probabilities of being true, in bins of equal mass.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3: the mean over examples
    of how far the mean probability of their bin is from the share that is true. Two changes: it is
    the probability of one class that is binned, not that of the predicted one, and bins hold as
    many examples each instead of being as wide each (as in Nixon et al. 2019, "Measuring
    Calibration in Deep Learning", section 3.2), since most sentences are near 0.
    """
    table = reliability(probabilities, labels, bins)
    gaps = sum(one.count * abs(one.predicted - one.observed) for one in table)
    return gaps / len(probabilities)


def reliability(
    probabilities: Sequence[float], labels: Sequence[bool], bins: int = _BINS
) -> tuple[Bin, ...]:
    """The bins of ``calibration_error`` from low to high, without empty ones.

    Equal probabilities share a bin, so that the order of the examples does not matter. Raises
    ``ValueError`` if there are none, if one is not in [0, 1] or if a label is missing.
    """
    import numpy as np

    given = np.asarray(probabilities, dtype=np.float64)
    true = np.asarray(labels, dtype=np.float64)
    if not given.size or given.shape != true.shape or bins < 1:
        raise ValueError(f"no table of {given.size} probabilities, {true.size} labels, {bins} bins")
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError("a probability is not in [0, 1]")
    _, place, counts = np.unique(given, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    which = (middle * bins / given.size).astype(np.int64)[place]
    return tuple(
        Bin(int(inside.sum()), float(given[inside].mean()), float(true[inside].mean()))
        for inside in (which == at for at in np.unique(which))
    )


# A few, for the measures of one set count different examples. What is cached is a
# function of its argument alone.
@lru_cache(maxsize=4)
def _resamples(size: int) -> NDArray[np.float64]:
    """How often each of ``size`` examples is drawn: shape [resamples, size]."""
    import numpy as np

    draws = np.random.default_rng(_SEED).integers(size, size=(RESAMPLES, size))
    counts = np.empty((RESAMPLES, size))
    for row, drawn in zip(counts, draws, strict=True):
        row[:] = np.bincount(drawn, minlength=size)
    return counts
