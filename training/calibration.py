"""Whether the embedded model's scores are probabilities: ``python -m training.calibration``.

On the calibration split, the weights of the fusion fitted anew without the requests that they are
then tried on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from compressors.fusion import Fusion, sigmoid
from evaluation.statistics import calibration_error, reliability
from training.fusion import Judged, fitted, requested

_FOLDS: Final = 5


def main() -> None:
    """Print the expected calibration error, and the table behind it."""
    _, requests = requested(__doc__)
    chances, support = cross_fitted(requests)
    error = calibration_error(chances, support)
    sys.stdout.write(
        f"expected calibration error {error:.4f}: {len(chances):,} sentences of "
        f"{len(requests)} requests, 15 bins of equal mass\n"
    )
    for one in reliability(chances, support):
        said = f"said {one.predicted:.3f}  came true {one.observed:.3f}"
        sys.stdout.write(f"{one.count:7,}  {said}\n")


def cross_fitted(requests: Sequence[Judged]) -> tuple[list[float], list[bool]]:
    """A probability for every sentence from weights that its request had no part in; and labels."""
    chances: list[float] = []
    support: list[bool] = []
    for fold in range(_FOLDS):
        rest = [one for at, one in enumerate(requests) if at % _FOLDS != fold]
        fusion = Fusion(**fitted(rest))
        for one in requests[fold::_FOLDS]:
            chances += [sigmoid(fusion.logit(sentence)) for sentence in one.evidence]
            support += one.support
    return chances, support


if __name__ == "__main__":
    main()
