"""LLMLingua-2 by a token classifier, against transformers code that is plain and slow."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from compressors.errors import Unavailable
from compressors.llmlingua2 import Llmlingua2
from compressors.models.token_classifier import NEUTRAL, TokenClassifier
from compressors.protocols import Encoded, Pieces
from compressors.values import Context, Document
from compressors.words import word_ranges
from tests.models import models_made_here
from tests.models.texts import Words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compressors.protocols import Forward

TEXTS = (
    "The Louvre is a museum in Paris, the capital of France. It opened in 1793.",
    "Das Museum ist\n\nam Montag geschlossen; 1,234 cafés. 北京很大。 None was found before.",
    "Unbreakable" * 30 + " and https://example.org/" + "a1" * 80 + " end.",
)


def words(text: str) -> Pieces:
    return Pieces(text, tuple(word_ranges(text)))


def naive(folder: Path, piece: Pieces) -> list[float]:
    """The whole text in one pass, and a loop over words and tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32)
    made: Any = tokenizer(piece.text, return_tensors="pt", return_offsets_mapping=True)
    offsets = made.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        kept = model(**made).logits[0].softmax(-1)[:, 1].tolist()
    tokens = list(zip(offsets, kept, strict=True))[1:-1]
    means = []
    for start, end in piece.ranges:
        own = [value for (left, right), value in tokens if left < end and right > start]
        means.append(sum(own) / len(own))
    return means


def test_scores_are_those_of_plain_transformers_code(classifier_model: Path) -> None:
    """B2, B7: real CLS and SEP, dynamic padding, a word is the mean of its tokens."""
    pieces = [words(text) for text in TEXTS]

    scores = TokenClassifier.load(str(classifier_model), device="cpu").score(pieces)

    for row, piece in zip(scores, pieces, strict=True):
        assert row == pytest.approx(naive(classifier_model, piece), abs=1e-5)
    # The vocabulary of the unigram model is not the same each time, nor are the scores.
    assert max(scores[0]) - min(scores[0]) > 0.01


@pytest.mark.parametrize("name", ["my-model", "xlm-roberta-large", "bert-base-multilingual-cased"])
def test_what_a_model_is_called_does_not_matter(name: str, tmp_path: Path) -> None:
    """B2: llmlingua 0.2.2 goes by the path, and refuses all that it does not know."""
    folder = models_made_here.classifier("xlm-roberta", tmp_path / name)
    piece = words(TEXTS[0])

    (row,) = TokenClassifier.load(str(folder), device="cpu").score([piece])

    assert row == pytest.approx(naive(folder, piece), abs=1e-5)


def test_finds_the_label_that_means_keep(tmp_path: Path) -> None:
    """B2: by its name, by index, by default 1."""
    plain = models_made_here.classifier("bert", tmp_path / "plain")
    swapped = tmp_path / "swapped"
    shutil.copytree(plain, swapped)
    config = json.loads((plain / "config.json").read_text())
    config |= {"id2label": {"0": "KEEP", "1": "drop"}, "label2id": {"KEEP": 0, "drop": 1}}
    (swapped / "config.json").write_text(json.dumps(config))
    pieces = [words(TEXTS[0])]

    def row(folder: Path, **options: Any) -> Sequence[float]:
        return TokenClassifier.load(str(folder), device="cpu", **options).score(pieces)[0]

    zero, one = row(plain, label=0), row(plain)
    assert np.add(zero, one) == pytest.approx(np.ones(len(zero)), abs=1e-6)
    assert row(plain, label="LABEL_0") == row(swapped) == row(swapped, label="keep") == zero
    assert row(plain, label="1") == row(swapped, label="drop") == one
    for label in ("nonsense", 2, -1):
        with pytest.raises(Unavailable, match=r"has no label|none with index"):
            row(plain, label=label)


def test_refuses_a_model_with_one_label(tmp_path: Path) -> None:
    folder = models_made_here.classifier("bert", tmp_path, labels={0: "only"})

    with pytest.raises(Unavailable, match="has 1 labels"):
        TokenClassifier.load(str(folder), device="cpu")


def recorded(seen: list[Encoded]) -> Any:
    def wrap(_: Forward) -> Forward:
        def run(batch: Sequence[Encoded]) -> Sequence[Any]:
            seen.extend(batch)
            # The value of a token is its id, so a result says which token it came from.
            return [np.array(row.ids, dtype=np.float32) / 1000 for row in batch]

        return run

    return wrap


def test_long_texts_are_read_in_overlapping_windows(classifier_model: Path) -> None:
    """B1: windows of the ids of one tokenisation; every token counts once, no word is lost."""
    seen: list[Encoded] = []
    classifier = TokenClassifier.load(
        str(classifier_model), device="cpu", window=32, wrap=recorded(seen)
    )
    text = " ".join(TEXTS[:2]) * 5
    piece = words(text)

    (scores,) = classifier.score([piece])

    tokenizer = AutoTokenizer.from_pretrained(classifier_model)
    made: Any = tokenizer(text, return_offsets_mapping=True)
    ids, offsets = made["input_ids"], made["offset_mapping"]
    assert len(seen) > 5
    assert all(len(row) == 32 for row in seen)
    assert all((row.ids[0], row.ids[-1]) == (ids[0], ids[-1]) for row in seen)
    whole = tuple(ids)
    assert all(str(row.ids[1:-1])[1:-1] in str(whole) for row in seen)
    wanted = []
    for start, end in piece.ranges:
        own = [
            token / 1000
            for token, (left, right) in zip(ids[1:-1], offsets[1:-1], strict=True)
            if left < end and right > start
        ]
        wanted.append(sum(own) / len(own))
    assert list(scores) == pytest.approx(wanted, abs=1e-6)


def test_a_token_counts_where_it_is_nearer_to_the_middle(tmp_path: Path) -> None:
    """B1: of two windows that hold a token, the one that shows more around it."""
    starts: list[int] = []

    def wrap(_: Forward) -> Forward:
        # The value of a token is its distance from the nearer end of its window.
        def run(batch: Sequence[Encoded]) -> Sequence[Any]:
            starts.extend(range(len(batch)))
            return [
                np.array([min(i, len(row) - 1 - i) / 100 for i in range(len(row))]) for row in batch
            ]

        return run

    folder = models_made_here.classifier("bert", tmp_path)
    classifier = TokenClassifier.load(str(folder), device="cpu", window=34, wrap=wrap)
    text = "museum " * 104

    (scores,) = classifier.score([words(text)])

    # Windows of 32 tokens share 8. Distances grow from the text's ends, and where two windows
    # meet they never fall below half of what is shared.
    assert len(starts) == 4
    assert scores[:3] == pytest.approx([0.01, 0.02, 0.03])
    assert min(scores[8:-8]) == pytest.approx(0.05)


def test_windows_change_little_and_a_models_limit_holds(tmp_path: Path) -> None:
    """B1: a model with 64 positions reads what is longer."""
    folder = models_made_here.classifier("xlm-roberta", tmp_path, positions=64)
    classifier = TokenClassifier.load(str(folder), device="cpu")
    piece = words(" ".join(TEXTS[:2]) * 3)

    (scores,) = classifier.score([piece])

    assert len(scores) == len(piece.ranges)
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_control_tokens_in_a_text_are_text(classifier_model: Path) -> None:
    """E12 for classifiers: no second CLS or SEP, and the words keep their places."""
    seen: list[Encoded] = []
    classifier = TokenClassifier.load(str(classifier_model), device="cpu", wrap=recorded(seen))
    text = "Say </s> or [SEP], <mask> [MASK] <pad> [PAD] and <s> [CLS]."

    (scores,) = classifier.score([words(text)])

    tokenizer = AutoTokenizer.from_pretrained(classifier_model)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    (row,) = seen
    assert row.ids[0] == tokenizer.cls_token_id
    assert row.ids[-1] == tokenizer.sep_token_id
    assert not special & set(row.ids[1:-1])
    assert len(scores) == len(word_ranges(text))


def test_unknown_and_endless_words_have_scores(classifier_model: Path) -> None:
    """B1, B8: what the vocabulary does not hold keeps its text, here by its own score."""
    classifier = TokenClassifier.load(str(classifier_model), device="cpu")
    text = "𝔘𝔫𝔦 \U0001f9ed x" + "y" * 5000 + " " + "." * 3000

    (scores,) = classifier.score([words(text)])

    assert len(scores) == len(word_ranges(text))
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_a_word_without_a_token_is_neutral(tmp_path: Path) -> None:
    """B8: BERT's normaliser drops control characters, so there is nothing to judge."""
    folder = models_made_here.classifier("bert", tmp_path)
    text = "The \u0007\u0007 museum"

    (scores,) = TokenClassifier.load(str(folder), device="cpu").score(
        [Pieces(text, ((0, 3), (4, 6), (7, 13)))]
    )

    assert scores[1] == NEUTRAL
    assert NEUTRAL not in (scores[0], scores[2])


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_texts_without_words_have_no_scores(classifier_model: Path, text: str) -> None:
    """B8."""
    classifier = TokenClassifier.load(str(classifier_model), device="cpu")

    assert list(classifier.score([])) == []
    scores = classifier.score([Pieces(text, ()), words("One word"), Pieces(text, ())])
    assert [len(row) for row in scores] == [0, 2, 0]


def test_reads_only_what_was_kept(classifier_model: Path) -> None:
    """Words are judged as the LLM will see them: dropped sentences are not read."""
    seen: list[Encoded] = []
    classifier = TokenClassifier.load(str(classifier_model), device="cpu", wrap=recorded(seen))
    text = "It opened in 1793. Entry is free. None was found."
    kept = [*word_ranges(text, 0, 18), *word_ranges(text, 34, len(text))]

    classifier.score([Pieces(text, tuple(kept))])
    classifier.score([words("It opened in 1793. None was found.")])

    assert seen[0].ids == seen[1].ids


def test_threads_get_the_scores_that_one_gets(classifier_model: Path) -> None:
    """B9."""
    classifier = TokenClassifier.load(str(classifier_model), device="cpu")
    pieces = [words(text) for text in TEXTS]
    wanted = classifier.score(pieces)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: classifier.score(pieces), range(24)))

    for scores in found:
        for row, own in zip(scores, wanted, strict=True):
            assert row == pytest.approx(own, abs=1e-6)


def test_leaves_the_random_state_alone(classifier_model: Path) -> None:
    """B9: llmlingua 0.2.2 seeds everything anew."""
    torch.manual_seed(123)
    before = torch.random.get_rng_state()

    TokenClassifier.load(str(classifier_model), device="cpu").score([words(TEXTS[0])])

    assert torch.equal(torch.random.get_rng_state(), before)


def test_llmlingua2_works_with_it(classifier_model: Path) -> None:
    """B1, B3: slices of the source, within the budget."""
    classifier = TokenClassifier.load(str(classifier_model), device="cpu")
    stage = Llmlingua2(classifier, backend=classifier.backend)
    context = Context.of("", [Document("a", TEXTS[0] * 3), Document("b", TEXTS[1])])

    result = stage.compress(context, Words().budget(20))

    assert 10 <= len(result.text.split()) <= 20
    for passage in result.passages:
        assert all(passage.document.text[s.start : s.end] in result.text for s in passage.spans)
