"""What becomes of texts that the embedded model cannot read: ``python -m benchmarks.languages``.

Prints, for each held-out set in another language and for questions and documents in different
languages, how many answers survive where sentences are chosen by chance, by the model as if it
could read them, by their words, and as the service does. ``--coverage`` prints instead how many
requests are told rightly, and ``--fit`` the weights of ``Matching``.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from statistics import fmean
from typing import Any, Final

from benchmarks.heldout import SETS
from benchmarks.product import Last
from compressors import Budget, Context, Document, Exit, Pieces, SentenceScorer, share_of
from compressors.matching import Matching, matches
from compressors.models.coverage import VocabularyReader
from compressors.models.embedded import EmbeddedModel
from compressors.models.minilm import MiniLmCounter
from compressors.reading import ReadSentences
from compressors.segmentation import RuleSegmenter
from compressors.structures.segmenter import StructuredSegmenter
from evaluation.answers import mentions
from training.data import rows

Row = dict[str, Any]

RATES: Final = (0.1, 0.2, 0.3)
ENGLISH: Final = ("squad10", "hotpotqa", "2wiki", "musique", "nq20", "covid_qa", "qmsum")
FOREIGN: Final = tuple(name for name in SETS if name not in ENGLISH)
CROSSED: Final = (("en", "zh"), ("zh", "en"), ("en", "de"), ("de", "en"), ("en", "en+zh"))
"""Languages of the questions and of the documents, which take turns."""
_FITTED: Final = 500
_SHARE: Final = 0.6
"""Of the weight of the sentence, for the document."""
_SEGMENTER: Final = StructuredSegmenter(RuleSegmenter())


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, its answers, and documents as title and text."""

    query: str
    answers: tuple[str, ...]
    documents: tuple[tuple[str, str], ...]

    @property
    def context(self) -> Context:
        documents = [
            Document(str(at), text, title) for at, (title, text) in enumerate(self.documents)
        ]
        return Context.of(self.query, documents)


class Chance:
    """A ``SentenceScorer`` that has read nothing; the same for the same query."""

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        rng = random.Random(query)  # noqa: S311 - reproducible, not secret
        return [[rng.random() for _ in document.ranges] for document in documents]


def asked(row: Row) -> Iterator[Asked]:
    """The requests of a row of any of the shapes that the held-out sets have."""
    if "documents" in row:
        documents = tuple((one["title"], one["text"]) for one in row["documents"])
        yield Asked(row["query"], tuple(row["answers"]), documents)
    elif "qas" in row:
        for question in row["qas"]:
            own = ((row["title"], row["text"]),)
            yield Asked(question["query"], tuple(question["answers"]), own)
    else:
        text = "\n".join(f"{speaker}: {said}" for speaker, said in row["turns"])
        for query in row["queries"]:
            yield Asked(query["query"], (query["answer"],), (("", text),))


def crossed(asking: str, languages: str, limit: int) -> list[Asked]:
    """Requests of XQuAD, whose paragraphs and questions have the same ids in every language."""
    told = languages.split("+")
    paragraphs = {
        code: {r["id"]: r for r in rows(f"xquad/xquad.{code}")} for code in (asking, *told)
    }
    questions = {
        code: {q["id"]: q for row in found.values() for q in row["qas"]}
        for code, found in paragraphs.items()
    }
    made = []
    for row in SETS["xquad_de"]()[:limit]:
        codes = [told[at % len(told)] for at in range(len(row["documents"]))]
        documents = tuple(
            (paragraphs[code][one["id"]]["title"], paragraphs[code][one["id"]]["text"])
            for one, code in zip(row["documents"], codes, strict=True)
        )
        answers = tuple(a for code in told for a in questions[code][row["id"]]["answers"])
        made.append(Asked(questions[asking][row["id"]]["query"], answers, documents))
    return made


def answers_kept(scorer: SentenceScorer, requests: Sequence[Asked]) -> list[float]:
    """The share of requests whose answer survives, at each of the rates."""
    stage, budget = Exit(Last(scorer), _SEGMENTER, "measured"), Budget(MiniLmCounter())
    kept: list[list[bool]] = [[] for _ in RATES]
    for one in requests:
        tokens = budget.count(one.context.text)
        for rate, found in zip(RATES, kept, strict=True):
            limited = budget.limited_to(share_of(tokens, rate))
            found.append(mentions(stage.compress(one.context, limited).text, one.answers))
    return [fmean(found) for found in kept]


def kept_table(limit: int) -> Iterator[str]:
    """A row for each set, a column for each way to choose."""
    model, reading = EmbeddedModel.load().sentences, VocabularyReader.load()
    scorers: Mapping[str, SentenceScorer] = {
        "chance": Chance(),
        "model": model,
        "words": Matching(),
        "service": ReadSentences(model, reading, Matching()),
    }
    yield "answers kept at " + ", ".join(map(str, RATES))
    yield f"{'set':18}" + "".join(f"{name:>22}" for name in scorers)
    sets: dict[str, Callable[[], list[Asked]]] = {
        name: lambda name=name: [one for row in SETS[name]()[:limit] for one in asked(row)]  # type: ignore[misc]
        for name in FOREIGN
    }
    for asking, told in CROSSED:
        sets[f"xquad {asking} on {told}"] = lambda a=asking, t=told: crossed(a, t, limit)  # type: ignore[misc]
    for name, make in sets.items():
        requests = make()
        cells = (answers_kept(scorer, requests) for scorer in scorers.values())
        yield f"{name:18}" + "".join(
            " / ".join(f"{share:.2f}" for share in cell).rjust(22) for cell in cells
        )


def coverage_table() -> Iterator[str]:
    """How requests are told; ``told`` is right for ``read`` in English and ``not`` elsewhere."""
    reading = VocabularyReader.load()
    yield f"{'set':12}{'requests':>9}{'all told':>10}{'queries':>10}{'documents':>10}"
    for name in (*ENGLISH, *FOREIGN):
        wanted = name in ENGLISH
        told = []
        for one in (one for row in SETS[name]() for one in asked(row)):
            query, *documents = reading.reads([one.query, *(text for _, text in one.documents)])
            told.append((query is wanted, [read is wanted for read in documents]))
        every = fmean(query and all(documents) for query, documents in told)
        queries = fmean(query for query, _ in told)
        each = fmean(right for _, documents in told for right in documents)
        yield f"{name:12}{len(told):9}{every:10.2%}{queries:10.2%}{each:10.2%}"


def fitted() -> Iterator[str]:
    """The weights, and the expected calibration error of them in every other language."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    drawn = random.Random(3).sample(list(rows("squad/rag_5docs_train")), _FITTED)  # noqa: S311
    found, labels = _evidence(drawn)
    regression = LogisticRegression(C=1e6).fit(found @ np.array([[1.0], [_SHARE]]), labels)
    slope = regression.coef_[0][0]
    bias = regression.intercept_[0]
    yield f"bias {bias:.2f}, sentence {slope:.2f}, document {_SHARE * slope:.2f}"
    shipped = Matching()
    for name in FOREIGN:
        found, labels = _evidence(SETS[name]())
        logits = found @ np.array([shipped.sentence, shipped.document]) + shipped.bias
        yield f"{name:12} calibration error {_error(1 / (1 + np.exp(-logits)), labels):.3f}"


def _evidence(requests: Sequence[Row]) -> tuple[Any, Any]:
    """What the sentences of requests have of the query, ``[n, 2]``, and whether they answer."""
    import numpy as np

    found, labels = [], []
    for row in requests:
        documents = row["documents"]
        pieces = [
            Pieces(d["text"], tuple(_SEGMENTER.spans(d["text"])), d["title"]) for d in documents
        ]
        found += [astuple(match) for own in matches(row["query"], pieces) for match in own]
        for document, own in zip(documents, pieces, strict=True):
            spans = document.get("answer_spans", ())
            labels += [any(a < end and start < b for a, b in spans) for start, end in own.ranges]
    return np.array(found), np.array(labels)


def _error(probabilities: Any, labels: Any) -> float:  # noqa: ANN401 - arrays
    """Expected calibration error over ten bins of equal width."""
    import numpy as np

    bins = np.minimum((probabilities * 10).astype(int), 9)
    gaps = (
        abs(probabilities[bins == at].mean() - labels[bins == at].mean()) * (bins == at).mean()
        for at in np.unique(bins)
    )
    return float(sum(gaps))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=100, help="requests of each set")
    parser.add_argument("--coverage", action="store_true", help="how requests are told")
    parser.add_argument("--fit", action="store_true", help="fit the weights of Matching")
    given = parser.parse_args()
    lines = kept_table(given.limit)
    if given.coverage:
        lines = coverage_table()
    if given.fit:
        lines = fitted()
    for line in lines:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
