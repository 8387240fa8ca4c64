from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from compressors.budget import Counter
from service.counting import RememberingCounter
from service.tokenizers import TiktokenCounter, TokenizerCounter, load_counters

UNKNOWN = "<unk>"
CORPUS = ["the house by the river was sold again", "das Haus am Fluß", "日本語の文 😀"]


def byte_level() -> Tokenizer:
    """As the tokenizers of GPT-2, Llama 3 and Qwen are: characters fall into several tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentencepiece() -> Tokenizer:
    """As the tokenizers of Llama 2, Gemma and T5 are."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=60, unk_token=UNKNOWN, special_tokens=[UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def bytes_only() -> tiktoken.Encoding:
    ranks = {bytes([number]): number for number in range(256)} | {b" the": 256, b"ou": 257}
    return tiktoken.Encoding(
        "bytes",
        pat_str=r"\s?\w+|\s+|[^\w\s]+",
        mergeable_ranks=ranks,
        special_tokens={"<|end|>": 300},
    )


BYTE_LEVEL = TokenizerCounter("byte-level", byte_level())
COUNTERS: list[Counter] = [
    BYTE_LEVEL,
    TokenizerCounter("sentencepiece", sentencepiece()),
    TiktokenCounter("tiktoken", bytes_only()),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
every_counter = pytest.mark.parametrize("counter", COUNTERS, ids=lambda counter: counter.name)


@every_counter
@given(text=TEXT)
def test_every_token_has_a_place_in_ascending_order(counter: Counter, text: str) -> None:
    starts = list(counter.starts(text))

    assert len(starts) == counter.count([text])[0]
    assert starts == sorted(starts)
    assert all(0 <= start < max(1, len(text)) for start in starts)


@every_counter
def test_places_are_code_points(counter: Counter) -> None:
    text = "日本語 😀 the house"

    starts = list(counter.starts(text))

    assert max(starts) < len(text)
    assert any(text[start:].lstrip().startswith("the") for start in starts)


def test_tokens_that_share_a_character_share_its_place() -> None:
    assert list(BYTE_LEVEL.starts("ñx")) == [0, 0, 1]


@every_counter
def test_control_tokens_in_a_text_are_text(counter: Counter) -> None:
    assert counter.count(["<|end|>"])[0] > 1


@every_counter
def test_counts_are_the_same_from_many_threads(counter: Counter) -> None:
    texts = [" ".join(CORPUS) * number for number in range(1, 20)]

    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(counter.count, [texts] * 40))

    assert all(counts == counter.count(texts) for counts in counted)


def test_a_tokenizer_comes_from_a_file_or_its_directory(tmp_path: Path) -> None:
    byte_level().save(str(tmp_path / "tokenizer.json"))

    for source in (tmp_path, tmp_path / "tokenizer.json"):
        counters = load_counters({"mine": str(source)}, "mine")

        assert list(counters) == ["mine", "minilm"]
        assert counters["mine"].count(CORPUS) == BYTE_LEVEL.count(CORPUS)


def test_padding_and_truncation_of_a_file_are_not_counted(tmp_path: Path) -> None:
    tokenizer = byte_level()
    tokenizer.enable_padding(length=50)
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))

    (counter, _) = load_counters({"mine": str(tmp_path)}, "mine").values()

    assert counter.count(CORPUS) == BYTE_LEVEL.count(CORPUS)


@pytest.mark.parametrize(
    ("tokenizers", "default", "words"),
    [
        ({}, "nothing", "default_tokenizer"),
        ({"mine": "/nowhere.json"}, "mine", "tokenizers.*mine"),
        ({"minilm": "/nowhere.json"}, "minilm", "built in"),
        ({"mine": "tiktoken:nothing"}, "mine", "tokenizers.*mine"),
    ],
)
def test_a_tokenizer_that_cannot_be_had_is_refused_by_name(
    tokenizers: dict[str, str], default: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        load_counters(tokenizers, default)


class Tallying:
    """A ``Counter`` of characters that says how often it was asked."""

    name = "tallying"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def count(self, texts: list[str]) -> list[int]:
        self.asked += texts
        return [len(text) for text in texts]

    def starts(self, text: str) -> list[int]:
        self.asked.append(text)
        return list(range(len(text)))


def test_a_text_is_counted_once_a_request() -> None:
    tallying = Tallying()
    counter = RememberingCounter(tallying)  # type: ignore[arg-type] # takes lists only

    assert counter.count(["a", "bb", "a", ""]) == [1, 2, 1, 0]
    assert counter.count(["bb"]) == [2]
    assert [list(counter.starts("bb")), list(counter.starts("bb"))] == [[0, 1], [0, 1]]
    assert tallying.asked == ["a", "bb", "bb"]
