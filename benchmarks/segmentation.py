"""How well and how fast texts are cut into sentences: ``python -m benchmarks.segmentation``.

Quality: F1 of the boundaries inside a text on the treebanks of ``ud_sentences``, one row a
treebank. The GUM treebank, of which the specification has a figure, is not among them. Speed:
millions of characters a second on the same texts, joined; the ways take turns. Hostile inputs:
seconds for a size and for twice that; where the second is far more than twice the first, one
document can hold up a server.

Beside the rules, the one line of regular expression that many write, twice: `any stop` with closing
quotes and white space behind it, and `no title`, the best of nine that were tried, which passes
over initials, Mr, Mrs, Ms, Dr, Jr, Sr and St, and wants no small letter next. Both know full-width
stops and blank lines. Then ``sentencex``, told the language, if it is installed; and with ``--sat``
a SaT model from a directory.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

import click

from benchmarks.pairs import machine, paired
from compressors.models.sat import SatSegmenter
from compressors.protocols import Segmenter
from compressors.segmentation import RuleSegmenter

_TAIL: Final = r"|[。！？]+[\"'”’」』）]*\s*|\n\s*\n\s*"
_ANY_STOP: Final = r"[.!?…؟۔।][\"'”’»)\]]*\s+" + _TAIL
_NO_TITLE: Final = (
    r"(?<!\b[A-Z])(?<!\b[MDSJ][rst])(?<!\bMrs)[.!?…؟۔।][\"'”’»)\]]*\s+(?![a-zа-яß-ÿ])" + _TAIL
)
_UNITS: Final = {
    "dots": ".",
    "stops with spaces": ". ",
    "exclamations": "?! ",
    "double quotes": '"',
    "stops in quotes": '."',
    "French quotes": ". »",
    "open brackets": "(",
    "closed brackets": ")",
    "citations": ".[1]",
    "open citations": ".[",
    "spaces": " ",
    "lines": "\n",
    "lines with spaces": "\n  ",
    "list items": "\n- ",
    "speakers": "\nAnna: ",
    "digits and dots": "1.",
    "numbered": "1. ",
    "initials": "A. ",
    "abbreviations": "e.g. ",
    "dotted names": "a.b.c",
    "hyphens": "a-",
    "missing spaces": "so.The",
    "small words": "ab. ",
    "full-width stops": "。",
    "full-width quotes": "。」",
    "ideographs": "日",
    "no space": "x",
    "words": "word ",
    "combining marks": "e\u0301",
    "joiners": "\u200d",
}
_LONG: Final = {"closers": ".", "spaces behind a stop": ".", "citations behind a stop": "."}
_TAILS: Final = {"closers": ")", "spaces behind a stop": " ", "citations behind a stop": "[1]"}


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a treebank and the gold ranges of its sentences."""

    lang: str
    treebank: str
    text: str
    gold: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Boundaries inside texts: those in both, those that are right, those that were found."""

    both: int
    gold: int
    found: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.both / (self.gold + self.found)

    @property
    def precision(self) -> float:
        """Which part of what was found is right."""
        return self.both / max(1, self.found)

    @property
    def recall(self) -> float:
        """Which part of what is right was found."""
        return self.both / self.gold


@dataclass(frozen=True, slots=True)
class Plain:
    """A ``Segmenter``: what one line of regular expression finds."""

    pattern: re.Pattern[str]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Contiguous ranges that cover the text."""
        ends = [match.end() for match in self.pattern.finditer(text)]
        return _ranges([*ends, len(text)])


class Sentencex:
    """A ``Segmenter``: the package of that name, for one language."""

    def __init__(self, lang: str) -> None:
        import sentencex  # type: ignore[import-not-found] # a peer that need not be installed

        self._segment = sentencex.segment
        self._lang = lang

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where its sentences stand in the text, one behind the other."""
        ends: list[int] = []
        for sentence in self._segment(self._lang, text):
            at = text.find(sentence, ends[-1] if ends else 0)
            ends.append(at + len(sentence))
        return _ranges([*ends, len(text)])


def gold_texts() -> list[Text]:
    """The shared treebanks. Raises ``FileNotFoundError`` where they are not."""
    root = Path(os.environ.get("CONDENSERY_DATA", Path(__file__).parents[2] / "shared/data"))
    packed = (root / "ud_sentences/ud_gold_sentences.jsonl.gz").read_bytes()
    rows = map(json.loads, gzip.decompress(packed).splitlines())
    return [
        Text(
            row["lang"],
            row["treebank"],
            row["text"],
            tuple((start, end) for start, end in row["sentence_spans"]),
        )
        for row in rows
    ]


def agreement(segmenter: Segmenter, texts: Iterable[Text]) -> Agreement:
    """How often a segmenter ends a sentence inside a text where the treebank does."""
    both = gold = found = 0
    for text in texts:
        right = _inner_ends(text.text, text.gold)
        ours = _inner_ends(text.text, segmenter.spans(text.text))
        both, gold, found = both + len(right & ours), gold + len(right), found + len(ours)
    return Agreement(both, gold, found)


def hostile(size: int) -> dict[str, str]:
    """Texts of ``size`` characters that have cost some segmenter minutes, by name."""
    repeated = {name: (unit * size)[:size] for name, unit in _UNITS.items()}
    tails = {name: (head + _TAILS[name] * size)[:size] for name, head in _LONG.items()}
    return repeated | tails


def _inner_ends(text: str, spans: Sequence[tuple[int, int]]) -> set[int]:
    """Where all but the last sentence end, counting the white space behind them as theirs."""
    ends = set()
    for _, end in spans[:-1]:
        at = end
        while at < len(text) and text[at].isspace():
            at += 1
        ends.add(at)
    return ends - {len(text)}


def _ranges(ends: Iterable[int]) -> list[tuple[int, int]]:
    ordered = sorted({0, *ends})
    return list(pairwise(ordered))


def _segmenters(lang: str, sat: SatSegmenter | None) -> dict[str, Segmenter]:
    found: dict[str, Segmenter] = {
        "rules": RuleSegmenter(),
        "any stop": Plain(re.compile(_ANY_STOP)),
        "no title": Plain(re.compile(_NO_TITLE)),
    }
    if find_spec("sentencex"):
        found["sentencex"] = Sentencex(lang)
    return found | ({"sat": sat} if sat else {})


def quality(texts: Sequence[Text], sat: SatSegmenter | None) -> None:
    """F1 with precision and recall, a row a treebank."""
    for treebank in dict.fromkeys(text.treebank for text in texts):
        own = [text for text in texts if text.treebank == treebank]
        cells = []
        for name, segmenter in _segmenters(own[0].lang, sat).items():
            got = agreement(segmenter, own)
            cells.append(f"{name} {got.f1:.3f} (P {got.precision:.3f} R {got.recall:.3f})")
        click.echo(f"{treebank:22} {sum(len(text.gold) for text in own):5}  " + "   ".join(cells))


def speed(texts: Sequence[Text], sat: SatSegmenter | None, rounds: int) -> None:
    """Millions of characters a second: the rules against each other way, in turns."""
    by_lang = {text.lang: "" for text in texts}
    for lang in by_lang:
        by_lang[lang] = "\n\n".join(text.text for text in texts if text.lang == lang)
    for lang, text in by_lang.items():
        segmenters = _segmenters(lang, sat)
        ours = segmenters.pop("rules")
        for name, theirs in segmenters.items():
            pairs = paired(partial(theirs.spans, text), partial(ours.spans, text), rounds)
            rates = [len(text) / median(way) / 1e6 for way in (pairs.ours, pairs.theirs)]
            click.echo(f"{lang}  rules {rates[0]:6.2f}   {name} {rates[1]:6.2f} Mchar/s")


def hostile_inputs(size: int, segmenters: Mapping[str, Segmenter]) -> None:
    """Seconds for the size and for twice the size."""
    texts, twice = hostile(size), hostile(2 * size)
    for name in texts:
        cells = [
            f"{way} {_seconds(one, texts[name]):.3f} {_seconds(one, twice[name]):.3f}"
            for way, one in segmenters.items()
        ]
        click.echo(f"{name:24} " + "   ".join(cells))


def _seconds(segmenter: Segmenter, text: str) -> float:
    started = time.process_time()
    segmenter.spans(text)
    return time.process_time() - started


def _arguments() -> Any:  # noqa: ANN401 - what argparse gives
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each way, timed")
    parser.add_argument("--size", type=int, default=500_000, help="characters of hostile inputs")
    parser.add_argument("--sat", type=Path, help="the directory of a SaT model")
    parser.add_argument("--sat-threshold", type=float, default=0.25)
    return parser.parse_args()


def main() -> None:
    """Print the tables."""
    arguments = _arguments()
    sat = None
    if arguments.sat:
        sat = SatSegmenter.load(arguments.sat, threshold=arguments.sat_threshold)
    texts = gold_texts()
    click.echo(machine())
    click.echo("\nF1 of the boundaries inside a text; sentences")
    quality(texts, sat)
    click.echo("\nspeed on the same texts")
    speed(texts, sat, arguments.rounds)
    click.echo(f"\nhostile inputs, seconds for {arguments.size:,} characters and for twice as many")
    # Not SaT: it reads a model for each block, and is linear by that.
    hostile_inputs(arguments.size, _segmenters("en", None))


if __name__ == "__main__":
    main()
