"""What must not be cut, case by case (spec/llmlingua2.md B4, B5; exit.md E14; T5 of TCRA)."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from compressors import Chain, Context, Document, Exit, Llmlingua2, Pieces
from compressors.fitting import fit
from compressors.protocols import Segmenter
from compressors.segmentation import RuleSegmenter
from compressors.selection import Candidate, select
from compressors.structures.finding import PLAIN, structures
from compressors.structures.segmenter import StructuredSegmenter
from compressors.words import Words, word_ranges
from tests.core.words_on_hand import budget, context

SEGMENTER = StructuredSegmenter(RuleSegmenter())
TABLE = "| city | people |\n|---|--:|\n| Ulm | 5 |\n| Graz. Not Ulm | 9 |\n| Bonn | 7 |"
FENCE = "```python\nx = 1\n\n# Go. Now\n```"
LIST = "- one. Two\n  goes on\n- [x] three\n   1. four"


@dataclass(frozen=True)
class Naming:
    """Scores .9 what any of the words stands in, else .1; of sentences and words alike."""

    words: tuple[str, ...]

    def score(self, *given: object) -> Sequence[Sequence[float]]:
        pieces = given[-1]
        assert isinstance(pieces, list)
        return [[self._one(piece, *both) for both in piece.ranges] for piece in pieces]

    def _one(self, piece: Pieces, start: int, end: int) -> float:
        return 0.9 if any(word in piece.text[start:end] for word in self.words) else 0.1


def sentences(text: str, segmenter: Segmenter = SEGMENTER) -> list[str]:
    return [text[start:end] for start, end in segmenter.spans(text)]


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_ranges(text)]


def kept(text: str, *named: str, limit: int | None = None) -> list[str]:
    """What sentences and words that are named leave of a text."""
    stages = (
        Exit(Naming(named), SEGMENTER, "naming"),
        Llmlingua2(Naming(named), "naming", min_words=0),
    )
    return [stage.compress(context("q", text), budget(limit)).text for stage in stages]


def test_b5_a_row_stays_whole_and_with_its_header() -> None:
    assert (
        kept(f"Intro.\n\n{TABLE}\nAfter.", "Graz")
        == ["| city | people |\n|---|--:|\n| Graz. Not Ulm | 9 |"] * 2
    )


def test_b5_a_header_is_not_kept_for_its_own_sake() -> None:
    assert kept(f"Intro.\n\n{TABLE}\nAfter.", "city", "After")[0] == "After."
    assert kept("Intro.\n\n| city |\n|---|", "city") == ["| city |\n|---|"] * 2


def test_b5_code_stays_whole_with_both_its_fences() -> None:
    assert kept(f"Intro.\n{FENCE}\nAfter.", "Go") == [FENCE] * 2
    assert kept(f"Intro.\n{FENCE}\nAfter. On.", "Intro", "On")[0] == "Intro.\nOn."


def test_b5_a_list_item_keeps_its_marker_and_its_indentation() -> None:
    assert kept(LIST, "Two", "four") == ["- Two\n  goes on\n   1. four", "- Two\n   1. four"]
    assert kept(LIST, "three") == ["- [x] three"] * 2


@pytest.mark.parametrize(
    ("text", "named", "expected"),
    [
        ("[1, 2, 3]", ("1", "3"), "[1, 3]"),
        ("[1, 2, 3]", ("3",), "[ 3]"),
        ("[1,2,3]", ("1",), "[1]"),
        ('{"a": 1, "b": [1, 2]}', ('"b"',), '{ "b": [1, 2]}'),
        ('{\n  "a": 1,\n  "b": {}\n}', ("a",), '{\n  "a": 1\n}'),
    ],
)
def test_b5_what_is_left_of_json_parses(text: str, named: tuple[str, ...], expected: str) -> None:
    assert kept(text, *named) == [expected] * 2


def test_b5_large_members_of_json_lose_members_of_their_own() -> None:
    value = {"meta": "a" * 200, "rows": [{"id": n, "text": f"row {n} " * 9} for n in range(9)]}
    text = json.dumps(value)

    for left in kept(text, "row 7"):
        assert json.loads(left) == {"rows": [value["rows"][7]]}
    for left in kept(f"Result:\n```json\n{text}\n```\nEnd.", "row 3"):
        head, *lines, tail = left.split("\n")
        assert (head, tail) == ("```json", "```")
        assert json.loads("".join(lines)) == {"rows": [value["rows"][3]]}


def test_b5_json_lines_are_a_document_each() -> None:
    text = "\n".join(json.dumps({"id": n, "name": f"name {n}"}) for n in range(5))

    assert kept(text, "name 3") == ['{"id": 3, "name": "name 3"}'] * 2


def test_b5_rows_of_html_tables_stay_in_their_table() -> None:
    text = (
        "Go. <Table> <Tr> <Th> A </Th> </Tr> <Tr> <Td> 1. b </Td> </Tr>"
        " <Tr> <Td> 2 </Td> </Tr> </Table> End."
    )

    left = "<Table> <Tr> <Th> A </Th> </Tr> <Tr> <Td> 2 </Td> </Tr> </Table>"
    assert kept(text, "2") == [left] * 2


def test_b5_rows_of_tables_that_a_passage_begins_or_ends_in_are_whole() -> None:
    start = "| 1 | Ulm. On |\n| 2 | Bonn |\n\nText. More."
    html = "</tr> <tr> <td> b. C </td> </tr> </table> End. <table> <tr> <td> D </td> </tr> <tr> E"

    assert kept(start, "On") == ["| 1 | Ulm. On |"] * 2
    assert kept(html, "C") == ["<tr> <td> b. C </td> </tr>"] * 2
    assert kept(html, "D") == ["<table> <tr> <td> D </td> </tr>"] * 2


@pytest.mark.parametrize(
    "whole",
    [
        "5 km",
        "$1,200.50",
        "US$ 3.5 million",
        "3.5 %",
        "-5 °C",
        "1 000 000 t",
        "12:30 p.m.",
        "12 March 2024",
        "12. März 2024",
        "March 12, 2024",
        "2024-03-12",
        "12.03.2024",
        "[12]",
        "[3, 4]",
        "[^3]",
        "(Smith et al., 2020)",
        "(Smith, 2010; Jones, 2012a)",
        "`get(a, b)`",
        "$a + b$",
        "[text](https://example.org/a)",
        "https://example.org/a?b=c&d=5",
        "ada.b+c@mail.example.org",
        "https://en.example.org/wiki/Ulm_(city)",
        "https://example.org/" + "a1b2" * 100,
    ],
)
def test_t5_b4_quantities_dates_citations_and_addresses_are_one_word(whole: str) -> None:
    assert whole in words(f"Word {whole} word")
    assert any(whole in word for word in words(f"({whole}) word"))


@pytest.mark.parametrize(
    "text",
    [
        "in 2011. August was",
        "about the $$$. Make $$$",
        "I`m sad we`ve",
        "``a b'' and ``c d''",
        "a<b c>d",
    ],
)
def test_b4_what_only_looks_so_is_several_words(text: str) -> None:
    assert all(" " not in word for word in words(text))


def test_e14_sentences_end_at_structures_and_nowhere_inside() -> None:
    text = f"Intro. On 5. Mai 2020 it was.\n\n{TABLE}\n{LIST}\n{FENCE}\nAs `a. B` says. End."

    assert sentences(text) == [
        "Intro. ",
        "On 5. Mai 2020 it was.\n\n",
        "| city | people |\n|---|--:|\n| Ulm | 5 |\n",
        "| Graz. Not Ulm | 9 |\n",
        "| Bonn | 7 |\n",
        "- one. ",
        "Two\n  goes on\n",
        "- [x] three\n   ",
        "1. four\n",
        f"{FENCE}\n",
        "As `a. B` says. ",
        "End.",
    ]


@pytest.mark.parametrize(
    "text", ["", " ", "Plain. Prose.", "a | b", "[1] Note.", "{x}", "```\nopen"]
)
def test_prose_has_no_structure_and_the_sentences_of_the_segmenter(text: str) -> None:
    assert structures(text) is PLAIN
    assert sentences(text) == sentences(text, RuleSegmenter())


def test_what_comes_with_a_row_is_paid_for_before_it_is_taken() -> None:
    text = f"{TABLE}\n\nShort words."
    rows = [Candidate(0, *span, 0.9) for span in Words.of(text).within([(0, len(TABLE))])]
    candidates = [*rows, Candidate(0, len(TABLE) + 2, len(text), 0.1)]

    results = {
        n: select(context("q", text), candidates, budget(n), threshold=0.5) for n in (10, 11)
    }

    # The header is 6 words, a row 5.
    assert results[10].text == "Short words."
    assert results[11].text == "| city | people |\n|---|--:|\n| Ulm | 5 |"


def test_what_is_whole_and_too_large_gives_way_to_what_fits() -> None:
    assert kept(f"Intro words here.\n\n{FENCE}", "Go", limit=2) == ["Intro words"] * 2
    assert kept(f"{FENCE}\n\n{TABLE}\n\nShort.", "Go", "Ulm", limit=1) == ["Short.", "Short"]


def test_json_of_which_nothing_fits_is_left_empty_and_parses() -> None:
    text = json.dumps({"a": "word " * 50})

    assert kept(text, "a", limit=5) == ["{ }"] * 2


def test_where_nothing_else_is_there_a_beginning_is_better_than_nothing() -> None:
    assert kept(FENCE, "Go", limit=3) == ["```python\nx ="] * 2
    assert kept("| a |\n|---|\n| b |", "b", limit=2) == ["| a", "| b"]


def test_the_budget_goes_before_the_structure() -> None:
    (text, _) = kept(json.dumps({"a": "word " * 50}), "a", limit=1)

    assert text == '{"a":'


def test_a_header_that_one_stage_kept_the_next_ones_keep() -> None:
    documents = [
        Document("1", f"Lead words.\n\n{TABLE}"),
        Document("2", FENCE),
        Document("3", LIST),
    ]
    chain = Chain(
        (
            Exit(Naming(("Graz", "Bonn", "four", "Lead")), SEGMENTER, "naming"),
            Llmlingua2(Naming(("Graz", "four")), "naming", min_words=0),
        )
    )

    result = chain.compress(Context.of("q", documents), budget(15))

    header = "| city | people |\n|---|--:|\n"
    assert result.text == f"{header}| Graz. Not Ulm | 9 |\n\n   1. four"
    assert fit(result, budget(14)).text == f"{header}| Graz. Not Ulm | 9 |"
    assert fit(result, budget(12)).text == "   1. four"


HOSTILE = {
    "backticks": "`" * 100_000,
    "fences": "```\n" * 25_000,
    "open fences": "```a\n" * 20_000,
    "falling fences": "\n".join("`" * n + "a" for n in range(440, 3, -1)),
    "brackets": "[" * 100_000,
    "open lines": "[\n" * 50_000,
    "open objects": '{"a":\n' * 16_000,
    "deep": "[" * 50 + "1," * 30_000 + "1" + "]" * 50,
    "array": "[" + "1, " * 30_000 + "1]",
    "strings": '["' + '\\"' * 50_000 + '"]',
    "bars": "|\n" * 50_000,
    "headers": "| a |\n|---|\n" * 8_000,
    "items": "- a\n" * 25_000,
    "dashes": "-" + " " * 100_000,
    "tables": "<table>" * 14_000,
    "rows": "<table><tr>" + "<tr>" * 25_000 + "</table>",
    "tags": "<a b=c " * 14_000,
    "thousands": "1 000 " * 16_000,
    "years": "(A, 2000; " * 10_000,
    "dollars": "$a " * 33_000,
    "links": "[a](" * 25_000,
    "formulas": "\\(a" * 33_000,
    "spaces": ("\n" + " " * 100) * 1_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_linear_time(name: str) -> None:
    text = HOSTILE[name]
    start = time.perf_counter()

    ranges = Words.of(text).within([(0, len(text))])
    SEGMENTER.spans(text)
    candidates = [Candidate(0, *span, (span[0] * 7919 % 101) / 101) for span in ranges]
    select(context("q", text), candidates, budget(max(1, len(ranges) // 3)), threshold=0.5)

    # Quadratic would be minutes.
    assert time.perf_counter() - start < 10.0


def test_words_never_reach_over_what_an_earlier_stage_left_out() -> None:
    text = f"A b. {FENCE}\n\n{TABLE}"
    spans = [(0, 4), (10, 30), (len(text) - 20, len(text))]

    found = Words.of(text).within(spans)

    assert all(any(a <= start < end <= b for a, b in spans) for start, end in found)


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("12 March 2024 2024-03-12", ["12 March 2024", "2024-03-12"]),
        ("May 5 2024-05-05", ["May 5", "2024-05-05"]),
        ("March 2024 1234", ["March 2024", "1234"]),
    ],
)
def test_a_date_behind_a_date_is_one_of_its_own(text: str, dates: list[str]) -> None:
    assert [text[start:end] for start, end in word_ranges(text)] == dates
