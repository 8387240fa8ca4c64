from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.segmentation import hostile
from compressors.errors import InvalidInput
from compressors.segmentation import RuleSegmenter

_ANY = st.text(st.characters(), max_size=200)  # lone surrogates as well
_TRICKY = st.text(
    alphabet=".!?。…\"')[] »”\n\r\t\u2029\u00a0ABcd1é日の-*:\u0301\U0001f469", max_size=200
)
_WORDS = st.lists(
    st.sampled_from(
        [
            "Mr.",
            "the",
            "sun.",
            "No.",
            "5",
            "e.g.",
            "U.S.",
            "He",
            "…",
            '"Go!"',
            "»",
            "3.",
            "\n",
            "  ",
        ]
    ),
    max_size=60,
).map(" ".join)


def _sentences(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in RuleSegmenter().spans(text)]


@given(st.one_of(_ANY, _TRICKY, _WORDS), st.integers(1, 50))
@example("x" * 120, 50)
@example("\n\n\n", 1)
@example("", 5)
@example("\ud800. \udfff", 2)
def test_spans_are_contiguous_not_empty_and_cover_the_text(text: str, most: int) -> None:
    spans = RuleSegmenter(max_chars=most).spans(text)

    assert "".join(text[start:end] for start, end in spans) == text
    assert [start for start, _ in spans] == [0, *[end for _, end in spans[:-1]]][: len(spans)]
    assert all(0 < end - start <= most for start, end in spans)


def test_an_empty_text_has_no_sentences() -> None:
    assert RuleSegmenter().spans("") == ()


def test_white_space_belongs_to_the_sentence_before_it() -> None:
    assert RuleSegmenter().spans("One.  Two.\n\nThree") == ((0, 6), (6, 12), (12, 17))


def test_white_space_before_the_first_sentence_belongs_to_it() -> None:
    assert RuleSegmenter().spans(" \n\n One. Two.") == ((0, 9), (9, 13))


def test_a_limit_below_one_character_is_refused() -> None:
    with pytest.raises(InvalidInput, match="max_chars"):
        RuleSegmenter(max_chars=0)


def test_the_same_text_gives_the_same_spans_whatever_the_limit_leaves_alone() -> None:
    text = "Dr. No left. Who saw him?\n\nNobody."

    assert RuleSegmenter().spans(text) == RuleSegmenter(max_chars=14).spans(text)


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith met Mr. Jones at 3.15 p.m. near St. James.",
        "It grew by 3.5 per cent, i.e. Germany led.",
        "J. R. R. Tolkien wrote it.",
        "The painter W.H.S. Koerner lived here.",
        "It was founded by J. I. Rodale and J. A. Smith.",
        "See fig. 3 and no. 12 for more.",
        "He ruled (r. 1229) for long.",
        "Visit www.example.com today.",
        "Am 3. Oktober ist Feiertag.",
        "Er wohnt im 6. Stock des Hauses.",
        "1. Introduction",
        '"Why?" he asked.',
        "Nothing happened . . . and nothing would.",
        "「はい。」と言った。",
        "M. Dupont et Mme. Durand arrivent.",
        "Он родился (род. 5 мая) в г. Москве, ул. Мира.",
        "It rose on Mon. Jones said so.",
        "He studied law (Ph.D. in Kyiv.) – then he wrote.",
        "Use os.Path or a.com?Query=1 or e.g.This here.",
        "Das kostet 5 Mio. Euro im Jahr.",
        "Der Kaiser starb im 19. Jh. nach kurzer Krankheit.",
        "Les rois (apr. J.-C. surtout) régnaient.",
        "EE. UU. es un país.",
        "See Eq. 3 and Sect. 4 of it.",
        "他问：“谁会来？”。",
    ],
)
def test_does_not_split(text: str) -> None:
    assert _sentences(text) == [text]


@pytest.mark.parametrize(
    "sentences",
    [
        ["He left.", "She stayed."],
        ['"Go!"', "He went."],
        ["He said “no.”", "Then he left."],
        ["It was so.[12]", "Others doubt it."],
        ["They moved to the U.S.", "The children stayed."],
        ["Is it?", "Yes!", "Well..."],
        ["他来了。", "她走了！", "为什么？"],
        ["石油发现。", "“文化大革命”开始。"],
        ["来ている!", "結婚した。"],
        ["هل هذا صحيح؟", "نعم."],
        ["यह सच है।", "हाँ।"],
        ["Заголовок 1905 г.", "Она жила там."],
        ["A heading", "A paragraph without a stop"],
        ["They lay under the sun.", "Then it rained."],
        ["He swims in the mar.", "Peter does not."],
        ["Ils sont sept.", "Puis ils partent."],
        ["She likes modern art.", "Picasso is her hero."],
        ["I said no.", "Alice said yes."],
        ["So do I.", "Tomorrow we go."],
        ["맛있게 먹음 끝.", "다음에 또 옴.", "감사합니다."],
        ["It takes 5 min.", "Boil the eggs."],
        ["« Il pleut.\u00a0»", "Elle sort."],
        ["We met on Main St.", "The rain fell."],
        ["አዲስ ቀን ነው።", "ደህና ነው።"],
    ],
)
def test_splits(sentences: list[str]) -> None:
    cjk = any("\u3000" < letter < "\u9fff" for letter in sentences[0])
    joiner = "\n\n" if sentences[0] == "A heading" else "" if cjk else " "

    assert _sentences(joiner.join(sentences)) == sentences


def test_a_list_item_or_another_speaker_starts_a_sentence() -> None:
    text = "We need\n- eggs\n- milk\nAnna: yes\nwhat else\nBob Smith: no"

    assert _sentences(text) == [
        "We need",
        "- eggs",
        "- milk",
        "Anna: yes\nwhat else",
        "Bob Smith: no",
    ]


def test_who_writes_without_capitals_is_split_too() -> None:
    assert _sentences("we left early. they stayed. all fine") == [
        "we left early.",
        "they stayed.",
        "all fine",
    ]


def test_a_sentence_over_the_limit_is_split_at_white_space() -> None:
    text = "word " * 1000

    spans = RuleSegmenter(max_chars=2000).spans(text)

    assert len(spans) == 3
    assert all(text[end - 1] == " " for _, end in spans)


@pytest.mark.parametrize(
    "sentences",
    [
        ["It rained.", "The sun came later."],
        ["Is it open?", "Yes, it is."],
        ["They went on...", "Nobody knew."],
    ],
)
def test_a_missing_space_does_not_hide_an_end(sentences: list[str]) -> None:
    assert _sentences("".join(sentences)) == sentences


@pytest.mark.parametrize("name", hostile(1))
def test_takes_linear_time(name: str) -> None:
    """Eight times the text: 8 times as long if linear, 64 times if quadratic."""
    little, much = (
        min(_seconds(hostile(size)[name]) for _ in range(2)) for size in (20_000, 160_000)
    )

    assert much < 24 * max(little, 0.002)


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile(1))
def test_a_million_characters_take_seconds(name: str) -> None:
    assert _seconds(hostile(1_000_000)[name]) < 20


def _seconds(text: str) -> float:
    started = time.process_time()
    RuleSegmenter().spans(text)
    return time.process_time() - started
