"""What LongLLMLingua's reader makes of long, unusual and few texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compressors import Chain, Context, Document
from compressors.longllmlingua import LongLlmlingua, Method
from compressors.models.longllmlingua import LongLlmlinguaReader, window_size
from compressors.words import word_ranges
from tests.models import models_made_here as made
from tests.models.questions import ASKED, QUESTION, text_of, tokens
from tests.models.texts import Words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> LongLlmlinguaReader:
    folder = made.causal("llama", tmp_path_factory.mktemp("a-llama"))
    return LongLlmlinguaReader.load(str(folder), device="cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LongLlmlinguaReader:
    """A model that reads 128 tokens."""
    folder = made.causal("llama", tmp_path_factory.mktemp("small"), positions=128)
    return LongLlmlinguaReader.load(str(folder), device="cpu")


def test_takes_texts_that_a_tokenizer_changes(tmp_path: Path) -> None:
    """The package asserts that decoded tokens are the text: not so after a normalisation."""
    texts = ["Cafe\u0301s in \u1112\u1161\u11ab. " * 20, "e\u0301"]

    folder = made.causal("qwen", tmp_path)
    qwen = LongLlmlinguaReader.load(str(folder), device="cpu")

    answer = qwen.keep("Wo sind Cafe\u0301s?", [text.strip() for text in texts], 0.5, Method())

    assert len(answer.kept) == 2


@pytest.mark.parametrize(
    "texts",
    [
        ["x"],
        ["x", "y"],
        ["北京" * 200, "😀😀😀 é"],
        ["word " * 600 + "end"],
        [".", "a" * 1000, "\u200b"],
        ["x y z"] * 50,
        ["a\n\n\n\nb", "\u2028x\u2028y"],
    ],
)
@pytest.mark.parametrize("share", [1e-6, 0.999])
def test_unusual_texts_have_a_result(
    small: LongLlmlinguaReader, texts: list[str], share: float
) -> None:
    answer = small.keep(QUESTION, texts, share, Method())

    assert len(answer.kept) == len(texts)
    for text, kept in zip(texts, answer.kept, strict=True):
        ends = [0, *(place for pair in kept.ranges for place in pair), len(text)]
        assert ends == sorted(ends)


def test_a_text_longer_than_the_model_is_ranked_by_its_best_window(
    small: LongLlmlinguaReader,
) -> None:
    long = text_of(300, 4)

    answer = small.keep(QUESTION, [long, text_of(10, 5)], 0.5, Method())

    assert answer.notes == ("too long to be ranked at once, ranked by windows: 1",)
    package = small._package
    parts = package._windows(long, 128 - package.get_token_length(ASKED) - 8)
    alone = [float(package.get_condition_ppl(part, ASKED, "after")) for part in parts]
    assert "".join(parts) == long
    assert answer.kept[0].surprise == pytest.approx(min(alone), abs=1e-5)


def test_of_a_question_longer_than_the_model_the_end_is_read(small: LongLlmlinguaReader) -> None:
    question = text_of(400, 6) + " " + QUESTION

    answer = small.keep(question, [text_of(5, 7), text_of(5, 8)], 0.5, Method())

    assert answer.notes == ("the question is too long: only its end was read",)
    assert small._asked(question).endswith(QUESTION)
    assert tokens(small, small._asked(question)) <= 32


def test_control_tokens_in_texts_are_plain_text(llama: LongLlmlinguaReader) -> None:
    ids, offsets = llama._package.tokens_of("a <|end_of_text|> b")

    assert llama._package.tokenizer.eos_token_id not in ids
    assert len(offsets) > 5


@pytest.mark.parametrize(
    ("question", "tokens_", "target", "longest", "size"),
    [
        (20, 4000, 2000, 4096, 200),
        (20, 4000, 500, 4096, 150),
        (20, 80, 40, 4096, 20),
        (20, 10, 5, 4096, 16),
        (400, 4000, 2000, 1024, 156),
    ],
)
def test_few_tokens_have_small_windows(
    question: int, tokens_: int, target: int, longest: int, size: int
) -> None:
    assert window_size(question, tokens_, target, longest) == size
    assert question + 2 * size <= longest


def test_works_in_a_chain_within_the_budget(llama: LongLlmlinguaReader) -> None:
    stage = LongLlmlingua(llama, "llmlingua")
    texts = [text_of(60, 1), " ", text_of(60, 2), text_of(60, 3) + " The Louvre opened in 1793."]
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    context = Context.of(QUESTION, documents, protected=["opened in 1793"])

    result = Chain((stage,)).compress(context, Words().budget(50))

    assert 1 <= Words().count([result.text])[0] <= 50
    assert "opened in 1793" in result.passages[3].text
    assert [p.document.id for p in result.passages] == ["0", "1", "2", "3"]
    for passage in result.passages:
        words = word_ranges(passage.document.text)
        assert {span.start for span in passage.spans} <= {start for start, _ in words}
        assert {span.end for span in passage.spans} <= {end for _, end in words}
