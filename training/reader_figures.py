"""How well the reader reads what nobody shortened: ``python -m training.reader_figures``.

Exact match and F1 of the first questions of two sets that no reader is trained on, with the
gold documents alone and with all documents.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Final

from compressors.models.reader import WEIGHTS, ExtractiveReader
from evaluation.answers import exact_match, overlap
from evaluation.rows import examples
from training.data import data_folder

SETS: Final = ("squad/rag_10docs_dev", "lost_in_the_middle/nq_20docs_original")


def main() -> None:
    """Print the table of the model card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=150, help="questions of each set")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    reader = ExtractiveReader.load(arguments.weights)
    for name in SETS:
        path = data_folder() / f"{name}.jsonl.gz"
        chosen = list(islice((one for one in examples(path) if one.answers), arguments.limit))
        for label, gold_only in (("gold", True), ("all", False)):
            asked = [
                (
                    one.query,
                    [(d.title, d.text) for d in one.documents if d.is_gold or not gold_only],
                )
                for one in chosen
            ]
            found = ["" if one is None else one.answer for one in reader.read(asked)]
            pairs = list(zip(found, (one.answers for one in chosen), strict=True))
            exact = fmean(exact_match(answer, right) for answer, right in pairs)
            shared = fmean(overlap(answer, right) for answer, right in pairs)
            sys.stdout.write(
                f"{name:40} {label:5}{len(chosen):5}   EM {exact:.3f}   F1 {shared:.3f}\n"
            )


if __name__ == "__main__":
    main()
