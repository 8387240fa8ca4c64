"""Checks T1 to T5 and T7 of spec/cluster_and_summary.md 5.3, by their number.

T6 is in tests/models/test_tcra_gate.py and benchmarks/deletion.py, T8 in
tests/core/test_claims.py, T9 and T10 where the models are.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors.budget import Budget, share_of
from compressors.deletion import RandomSentences, RandomWords
from compressors.errors import InvalidInput, ModelFailure
from compressors.extractive import ExtractiveSummarizer
from compressors.leave_one_out import units_of, worths
from compressors.models.minilm import MiniLmCounter, MiniLmEncoder
from compressors.one_pass import TokenStates, one_pass_worths
from compressors.segmentation import RuleSegmenter
from compressors.tcra_semantic import Mode, TcraSemantic
from compressors.tcra_summary import TcraSummary
from compressors.values import Context, Document, Passage, Span
from compressors.vital import Vital, asked_words
from compressors.words import Words, negations
from tests.core.words_on_hand import WordCounter, budget, context
from tests.retrieval.encoders_on_hand import BagEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from compressors.budget import Counter
    from compressors.protocols import Compressor

RATES = (0.3, 0.5, 0.7)
SEGMENTER = RuleSegmenter()
VOCABULARY = [
    *("river", "stone", "lamp", "not", "never", "only", "30", "tons", "1984", "Delft", "Ohm"),
    *("slowly", "carried,", "under", "the", "of", "a", "cannot", "up.", "(down)", "don't", "5%"),
    *("café", "河", "流", "naïve"),
]
WORDS = st.lists(
    st.sampled_from(VOCABULARY),
    min_size=1,
    max_size=40,
).map(" ".join)
TEXTS = st.lists(WORDS, min_size=1, max_size=4)


def semantic(**changes: Any) -> TcraSemantic:
    return replace(TcraSemantic(BagEncoder(), SEGMENTER, "bag"), **changes)


def summary() -> TcraSummary:
    return TcraSummary(ExtractiveSummarizer(BagEncoder(), SEGMENTER), "bag")


@cache
def minilm() -> MiniLmCounter:
    return MiniLmCounter()


STAGES: list[Compressor] = [
    semantic(),
    summary(),
    RandomWords(3),
    RandomSentences(3, SEGMENTER),
]


def characters(result: Context) -> set[tuple[int, int]]:
    """What is kept, by passage and place, without white space."""
    return {
        (index, place)
        for index, passage in enumerate(result.passages)
        for span in passage.spans
        for place in range(span.start, span.end)
        if not passage.document.text[place].isspace()
    }


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
@settings(max_examples=40, deadline=None)
@given(texts=TEXTS, counter=st.sampled_from([WordCounter(), MiniLmCounter()]))
def test_t1_tokens_rise_with_the_rate_and_rate_1_is_the_identity(
    stage: Compressor, texts: list[str], counter: Counter
) -> None:
    given_context, count = context("lamp", *texts), Budget(counter).count
    before = count(given_context.text)

    results = [
        stage.compress(given_context, Budget(counter, share_of(before, rate)))
        for rate in (*RATES, 1.0)
    ]

    tokens = [count(result.text) for result in results]
    assert tokens == sorted(tokens)
    assert tokens[-1] == before
    assert results[-1].text == given_context.text


def longest_unit(texts: Sequence[str]) -> int:
    """Tokens that stand or fall together: a word with its unit, negations with what they negate."""
    longest = 1
    for text in texts:
        words = Words.of(text).within([(0, len(text))])
        bound = set(negations([text[start:end] for start, end in words]))
        size = 0
        for place, (start, end) in enumerate(words):
            size += len(text[start:end].split())
            longest = max(longest, size)
            size = size if place in bound else 0
    return longest


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.floats(0.05, 1.0))
def test_t2_semantic_mode_is_within_one_word_of_its_target(texts: list[str], rate: float) -> None:
    given_context = context("?", *texts)
    limit = share_of(budget().count(given_context.text), rate)

    result = semantic().compress(given_context, budget(limit))

    assert limit - longest_unit(texts) < budget().count(result.text) <= limit


def test_t2_without_a_budget_the_rate_of_the_stage_is_the_target() -> None:
    text = " ".join(f"word{n}" for n in range(40))

    kept = {rate: semantic(rate=rate).compress(context("?", text), budget()) for rate in RATES}

    assert {rate: len(result.text.split()) for rate, result in kept.items()} == {
        0.3: 12,
        0.5: 20,
        0.7: 28,
    }


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.lists(st.floats(0.01, 1.0), min_size=2, max_size=2).map(sorted))
def test_t3_what_a_lower_rate_keeps_a_higher_one_keeps_too_in_the_order_of_the_source(
    texts: list[str], rates: list[float]
) -> None:
    given_context = context("lamp", *texts)
    tokens = budget().count(given_context.text)

    low, high = (
        semantic().compress(given_context, budget(share_of(tokens, rate))) for rate in rates
    )

    assert characters(low)
    assert characters(low) <= characters(high)
    for result in (low, high):
        source = iter(given_context.text)
        assert all(character in source for character in result.text)


def test_t3_the_ranking_is_the_one_known_by_hand_and_ties_go_by_position() -> None:
    weights = {"river": 9.0, "carried": 7.0, "heavy": 5.0, "stones": 6.0}
    text = "the river carried heavy stones along under every bridge"

    kept = [
        TcraSemantic(BagEncoder(weights), SEGMENTER, "bag")
        .compress(context("?", text), budget(limit))
        .text
        for limit in (1, 2, 3, 4, 5, 6)
    ]

    assert kept == [
        "river",
        "river carried",
        "river carried stones",
        "river carried heavy stones",
        "the river carried heavy stones",
        "the river carried heavy stones along",
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 12), min_size=1, max_size=5))
def test_t4_a_sentence_of_n_words_is_read_n_plus_1_times_and_always_from_the_original(
    lengths: list[int],
) -> None:
    encoder = BagEncoder()
    sentences = [
        [f"w{number}x{place}" for place in range(length)] for number, length in enumerate(lengths)
    ]
    text = " ".join(" ".join(words).capitalize() + "." for words in sentences)

    semantic(encoder=encoder, min_words=0).compress(context("?", text), budget(1))

    assert len(encoder.read) == sum(length + 1 for length in lengths)
    texts = iter(encoder.read)
    for words in sentences:
        assert next(texts).lower() == " ".join(words) + "."
        for left_out in words:
            rest = [word for word in words if word != left_out]
            assert next(texts).lower().rstrip(" .") == " ".join(rest)


def test_t4_batched_is_sequential_within_a_ten_thousandth() -> None:
    text = "The old lighthouse was destroyed by a storm. It had been built of granite, in 1833."
    units = units_of(Passage.whole(Document("1", text)), SEGMENTER, 64)
    encoder = MiniLmEncoder.load()

    (together, fast) = (worths(encoder, units), one_pass_worths(encoder, units))
    alone = [row for unit in units for row in worths(encoder, [unit])]
    fast_alone = [row for unit in units for row in one_pass_worths(encoder, [unit])]

    for batched, sequential in ((together, alone), (fast, fast_alone)):
        for one, other in zip(batched, sequential, strict=True):
            assert one == pytest.approx(other, abs=1e-4)


VITAL = (
    ("the lamp was never lit", "never lit"),
    ("it is not a cheap lamp", "not cheap"),
    ("lamps burn only in dry rooms", "only dry"),
    ("open daily except on rainy days", "except rainy"),
    ("do it unless somebody waits", "unless somebody"),
    ("they don't burn", "don't burn"),
    ("weighs about 30 tons in all", "30 tons"),
    ("it cost $ 5 and $7 then", "5 $7"),
    ("some 3 million people came", "3 million people"),
    ("twenty lamps burned", "twenty lamps"),
    ("on 12 march they left", "12 march"),
    ("by 2024-10-05 at noon", "2024-10-05"),
    ("he met Anna of the Lakes there", "Anna of the Lakes"),
    ("the University of Oxford burned", "University of Oxford"),
    ("he used iOS and an LLM", "iOS LLM"),
    ("see https://example.org/a?b=1 there", "https://example.org/a?b=1"),
    ("mail to anna@example.org now", "anna@example.org"),
    ("call max_tokens or runFast first", "max_tokens runFast"),
    ("type `make demo` there", "`make demo`"),
    ("where tides rise and fall", "tides"),
    ("wird nicht mehr verkauft", "nicht mehr"),
    ("孕妇不要喝酒", "不要喝"),
    ("река не замерзает", "не замерзает"),
)


@pytest.mark.parametrize(("text", "wanted"), VITAL, ids=[wanted for _, wanted in VITAL])
def test_t5_knows_the_words_that_go_last(text: str, wanted: str) -> None:
    ranges = Words.of(text).within([(0, len(text))])

    flags = Vital(text, ranges, frozenset(ranges[:1]), asked_words("When is the tide?")).flags()

    found = "".join(text[a:b] for (a, b), flag in zip(ranges, flags, strict=True) if flag)
    assert found.replace(" ", "").replace("$5", "5") == wanted.replace(" ", "")


def test_t5_words_of_a_chinese_query_are_known_in_pairs() -> None:
    text = "法国的首都是巴黎"
    ranges = Words.of(text).within([(0, len(text))])

    flags = Vital(text, ranges, frozenset(), asked_words("首都在哪里")).flags()

    assert [text[a:b] for (a, b), flag in zip(ranges, flags, strict=True) if flag] == ["首", "都"]


def test_t5_a_sentences_first_word_is_a_name_only_if_something_says_so() -> None:
    text = "Lamps burned. Delft slept. They left Delft. Anna Berg stayed."
    ranges = Words.of(text).within([(0, len(text))])
    firsts = frozenset((text.index(word), text.index(word) + len(word)) for word in FIRSTS)

    flags = Vital(text, ranges, firsts).flags()

    assert [text[a:b] for (a, b), flag in zip(ranges, flags, strict=True) if flag] == [
        *("Delft", "Delft", "Anna", "Berg"),
    ]


FIRSTS = ("Lamps", "Delft", "They", "Anna")


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.floats(0.05, 1.0))
def test_t5_no_vital_word_is_deleted_while_any_other_is_left(texts: list[str], rate: float) -> None:
    given_context = context("when did the lamp burn?", *texts)
    limit = share_of(budget().count(given_context.text), rate)

    result = semantic(min_words=0).compress(given_context, budget(limit))

    kept = characters(result)
    vital, ordinary = set(), set()
    for index, passage in enumerate(given_context.passages):
        text = passage.document.text
        ranges = Words.of(text).within([(0, len(text))])
        firsts = frozenset(u.words[0] for u in units_of(passage, SEGMENTER, 64) if u.words)
        flags = Vital(text, ranges, firsts, asked_words(given_context.query)).flags()
        for (start, _), flag in zip(ranges, flags, strict=True):
            (vital if flag else ordinary).add((index, start))
    # What stays with a negation is not vital by itself; and where no vital word fits, another may.
    with_negations = set(partners(given_context))
    assert vital <= kept or not (ordinary - with_negations) & kept or limit <= longest_unit(texts)


def partners(given_context: Context) -> Iterator[tuple[int, int]]:
    """Passage and start of the words behind negations."""
    for index, passage in enumerate(given_context.passages):
        text = passage.document.text
        words = Words.of(text).within([(0, len(text))])
        for place in negations([text[start:end] for start, end in words]):
            yield index, words[place + 1][0]


def test_t5_what_a_negation_negates_stays_with_it() -> None:
    text = "the soup is not really cheap but good and people seem fairly happy about it all"

    kept = semantic().compress(context("?", text), budget(3)).text

    assert "not really" in kept
    assert "not good" not in kept


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text("aeén 河流.,'-03%🙂ßN ", max_size=60), min_size=1, max_size=3),
    st.floats(0.1, 1.0),
)
def test_t7_no_more_tokens_than_before_and_none_above_the_budget(
    stage: Compressor, texts: list[str], rate: float
) -> None:
    """T7: in subword tokens, of which a text may have more when a word of it is missing."""
    given_context, count = context("lamp", *texts), Budget(minilm()).count
    before = count(given_context.text)
    # A word of several tokens is not cut within one, so no less than such a word can be asked for.
    limited = Budget(minilm(), max(8, share_of(max(1, before), rate)))

    result = stage.compress(given_context, limited)

    assert count(result.text) <= before
    assert limited.fits(result.text)


class States(BagEncoder):
    """A ``TokenEncoder`` whose text is the mean of its words, as ``BagEncoder`` counts them."""

    def states(self, texts: Sequence[str]) -> Sequence[TokenStates]:
        found = []
        for text in texts:
            words = text.split(" ")
            ends = np.cumsum([len(word) + 1 for word in words]) - 1
            places = [
                (int(end) - len(word), int(end)) for word, end in zip(words, ends, strict=True)
            ]
            rows = np.zeros((len(words), self.dimension), dtype=np.float32)
            for row, word in enumerate(words):
                vector = self.encode([word])[0]
                rows[row] = vector * (self.weights.get(word, 1.0) / float(np.abs(vector).max()))
            found.append(TokenStates(rows, tuple(places)))
        return found


def test_fast_is_exact_where_tokens_do_not_know_of_each_other() -> None:
    """The approximation neglects context and nothing else."""
    encoder = States({"river": 9.0, "carried": 7.0, "heavy": 5.0, "stones": 6.0})
    text = "the river carried heavy stones along under every bridge"
    units = units_of(Passage.whole(Document("1", text)), SEGMENTER, 64)

    exact, fast = worths(encoder, units), one_pass_worths(encoder, units)

    assert fast[0] == pytest.approx(exact[0], abs=2e-3)


def test_fast_keeps_what_its_ranking_says_and_reads_each_sentence_once() -> None:
    encoder = States({"river": 9.0, "carried": 7.0})
    stage = TcraSemantic(encoder, SEGMENTER, "bag", mode=Mode.FAST)

    result = stage.compress(context("?", "the river carried heavy stones along"), budget(2))

    assert result.text == "river carried"
    assert result.notes == ()


def test_fast_knows_the_words_of_a_sentence_that_lost_some_before() -> None:
    text = "  the river carried heavy stones along  "
    passage = Passage(Document("1", text), (Span(0, 11), Span(20, 38)))

    (unit,) = units_of(passage, SEGMENTER, 64)

    own, words = unit.placed
    assert own == "the river heavy stones along"
    assert [own[a:b] for a, b in words] == [text[a:b] for a, b in unit.words]


def test_fast_refuses_an_encoder_that_has_no_token_vectors() -> None:
    with pytest.raises(InvalidInput, match=r"tcra-semantic\.mode"):
        semantic(mode=Mode.FAST)


def test_fast_refuses_broken_vectors() -> None:
    with pytest.raises(ModelFailure, match="tokens have vectors"):
        TokenStates(np.zeros((2, 3), dtype=np.float32), ((0, 1),))


def test_minilm_gives_the_vectors_that_it_takes_the_mean_of() -> None:
    encoder = MiniLmEncoder.load()
    texts = ["The river carried heavy stones.", "Stones! " * 200, "河流"]

    states, vectors = encoder.states(texts), encoder.encode(texts)

    for one, vector, text in zip(states, vectors, texts, strict=True):
        mean = one.vectors.mean(axis=0)
        assert mean / np.linalg.norm(mean) == pytest.approx(vector, abs=1e-5)
        words = [text[a:b] for a, b in one.places if a < b]
        assert "".join(words) == "".join(text.split())[: len("".join(words))]
    assert encoder.states([]) == []


def test_chance_keeps_the_same_for_the_same_seed_only() -> None:
    given_context = context("?", " ".join(f"word{n}" for n in range(40)))

    texts = [RandomWords(seed).compress(given_context, budget()).text for seed in (1, 1, 2)]

    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0].split()) == 20
    rng = random.Random(1)  # noqa: S311 - the same chance
    order = sorted(range(40), key=lambda _: -rng.random())
    assert set(texts[0].split()) == {f"word{n}" for n in order[:20]}
