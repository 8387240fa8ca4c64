"""What an index promises: the same after a round trip, and nothing that was tampered with."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compressors.errors import InvalidInput, ModelFailure, NotFound
from compressors.values import Document
from retrieval.build import build
from retrieval.index import Index
from retrieval.retriever import Retriever
from retrieval.storage import DOCUMENTS, MANIFEST, VECTORS, load, save
from tests.retrieval.encoders_on_hand import BagEncoder

FRUIT = (
    Document("a", "apples are red"),
    Document("b", "bananas are yellow", "Fruit", {"page": 3}),
    Document("c", "cherries are red"),
    Document("d", "dates are brown"),
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS_OF = st.lists(
    st.builds(Document, TEXT, TEXT, st.text(), st.dictionaries(st.text(), JSON, max_size=3)),
    min_size=1,
    max_size=6,
    unique_by=lambda document: document.id,
)


def fruit() -> Index:
    return Index.build(FRUIT, BagEncoder(), "bag")


def test_finds_the_nearest_first() -> None:
    found = Retriever(fruit(), BagEncoder()).retrieve("yellow bananas", 2)

    assert found[0] is FRUIT[1]


def test_of_equal_documents_the_first_comes_first_wherever_the_cut_is() -> None:
    documents = [Document(str(number), "the same text") for number in range(50)]
    retriever = Retriever(Index.build(documents, BagEncoder(), "bag"), BagEncoder())

    for k in (1, 7, 49):
        assert [d.id for d in retriever.retrieve("same", k)] == [str(n) for n in range(k)]


def test_gives_all_documents_if_more_are_asked_for() -> None:
    assert len(Retriever(fruit(), BagEncoder()).retrieve("red", 100)) == len(FRUIT)


def test_scores_are_cosines_in_descending_order() -> None:
    hits = Retriever(fruit(), BagEncoder()).hits("apples are red", 4)

    assert hits[0].score == pytest.approx(1.0, abs=1e-4)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(
    ("documents", "field"),
    [
        ((), r"index\.documents:"),
        ((Document("a", "one"), Document("a", "two")), r"index\.documents\[1\]\.id"),
        ((Document("", "one"),), r"index\.documents\[0\]\.id"),
        ((Document("a", " \n"),), r"index\.documents\[0\]\.text"),
    ],
)
def test_refuses_documents_that_cannot_be_found(documents: Sequence[Document], field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        Index.build(documents, BagEncoder(), "bag")


@pytest.mark.parametrize(("query", "k"), [(" ", 3), ("red", 0), ("red", -1)])
def test_refuses_queries_that_find_nothing(query: str, k: int) -> None:
    with pytest.raises(InvalidInput):
        Retriever(fruit(), BagEncoder()).retrieve(query, k)


def test_refuses_an_encoder_of_another_dimension() -> None:
    other = BagEncoder(dimension=16)

    with pytest.raises(InvalidInput, match=r"index\.encoder"):
        Retriever(fruit(), other).retrieve("red")
    with pytest.raises(InvalidInput, match=r"index\.encoder"):
        fruit().adding([Document("e", "elderberries")], other)


@pytest.mark.parametrize("bad", [0.0, float("nan")])
def test_refuses_vectors_without_a_direction(bad: float) -> None:
    queries = np.full((1, 4096), bad, dtype=np.float32)

    with pytest.raises(ModelFailure):
        fruit().search(queries, 1)


def test_adding_gives_a_new_index_and_leaves_the_old_one() -> None:
    old = fruit()

    new = old.adding([Document("e", "elderberries are black")], BagEncoder())

    assert (len(old), len(new)) == (4, 5)
    assert Retriever(new, BagEncoder()).retrieve("black elderberries", 1)[0].id == "e"
    assert Retriever(old, BagEncoder()).retrieve("black elderberries", 1)[0].id != "e"
    with pytest.raises(InvalidInput, match="twice"):
        old.adding([Document("a", "again")], BagEncoder())


@settings(max_examples=40, deadline=None)
@given(DOCUMENTS_OF, TEXT)
def test_is_the_same_after_a_round_trip(documents: list[Document], query: str) -> None:
    encoder = BagEncoder(dimension=32)
    index = Index.build(documents, encoder, "bag")

    with TemporaryDirectory() as folder:
        save(index, Path(folder))
        again = load(Path(folder), encoder="bag")

    assert again.documents == index.documents
    assert again.encoder == "bag"
    assert Retriever(again, encoder).hits(query, 3) == Retriever(index, encoder).hits(query, 3)


def test_sources_survive_a_round_trip(tmp_path: Path) -> None:
    from compressors.values import Source

    summary = Document("s", "a summary", sources=(Source("a", 0, 6), Source("b", 2, 4)))
    save(Index.build([summary], BagEncoder(), "bag"), tmp_path)

    assert load(tmp_path).documents == (summary,)


@pytest.mark.parametrize("name", [VECTORS, DOCUMENTS])
def test_refuses_a_file_that_was_altered(tmp_path: Path, name: str) -> None:
    save(fruit(), tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(bytes(data))

    with pytest.raises(InvalidInput, match="not the file that was saved"):
        load(tmp_path)


@pytest.mark.parametrize("name", [VECTORS, DOCUMENTS, MANIFEST])
def test_says_which_file_is_missing(tmp_path: Path, name: str) -> None:
    save(fruit(), tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(NotFound, match=name):
        load(tmp_path)


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "{}",
        '{"version": 1}',
        '{"version": 1, "sha256": []}',
        '{"version": 2, "sha256": {}}',
    ],
)
def test_refuses_a_manifest_that_is_none(tmp_path: Path, manifest: str) -> None:
    save(fruit(), tmp_path)
    (tmp_path / MANIFEST).write_text(manifest)

    with pytest.raises(InvalidInput, match="index"):
        load(tmp_path)


@pytest.mark.parametrize(("key", "value"), [("dimension", 7), ("documents", 3)])
def test_refuses_a_manifest_that_does_not_fit(tmp_path: Path, key: str, value: int) -> None:
    save(fruit(), tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {key: value}))

    with pytest.raises(InvalidInput, match="does not hold what its manifest says"):
        load(tmp_path)


def test_refuses_another_encoder(tmp_path: Path) -> None:
    save(fruit(), tmp_path)

    with pytest.raises(InvalidInput, match=r"made by 'bag', not 'other'"):
        load(tmp_path, encoder="other")


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, (1, 2), {1: "one"}])
def test_refuses_metadata_that_json_cannot_give_back(tmp_path: Path, value: Any) -> None:
    index = Index.build([Document("a", "text", metadata={"key": value})], BagEncoder(), "bag")

    with pytest.raises(InvalidInput, match=r"index\.documents\[0\]\.metadata"):
        save(index, tmp_path)
    assert not (tmp_path / MANIFEST).exists()


def test_builds_from_a_file_and_says_how_far_it_is(tmp_path: Path) -> None:
    source = tmp_path / "fruit.jsonl.gz"
    lines = [{"id": d.id, "text": d.text, "title": d.title} for d in FRUIT]
    source.write_bytes(gzip.compress("\n\n".join(map(json.dumps, lines)).encode()))
    done: list[int] = []

    build(source, tmp_path / "index", BagEncoder(), "bag", progress=done.append)

    assert [d.id for d in load(tmp_path / "index").documents] == [d.id for d in FRUIT]
    assert done == [4]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", r"in\.jsonl:2: is not JSON"),
        (b"\xff", r"in\.jsonl:2: is not JSON in UTF-8"),
        (b"[" * 100_000, r"in\.jsonl:2: is not JSON"),
        (b"[]", r"in\.jsonl:2: is not an object"),
        (b'{"id": "b"}', r"in\.jsonl:2\.text: is missing"),
        (b'{"text": "b"}', r"in\.jsonl:2\.id: is missing"),
        (b'{"id": 1, "text": "b"}', r"in\.jsonl:2\.id: is missing or not a string"),
        (b'{"id": "b", "text": " "}', r"in\.jsonl:2\.text: is blank"),
        (b'{"id": "b", "text": "\\ud800"}', r"in\.jsonl:2\.text: holds half"),
        (b'{"id": "b", "text": "b", "metadata": 1}', r"in\.jsonl:2\.metadata"),
        (b'{"id": "b", "text": "b", "titel": ""}', r"in\.jsonl:2: has fields .* titel"),
    ],
)
def test_names_the_line_that_is_wrong(tmp_path: Path, line: bytes, problem: str) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'{"id": "a", "text": "a"}\n' + line)

    with pytest.raises(InvalidInput, match=problem):
        build(source, tmp_path / "index", BagEncoder(), "bag")
    assert not (tmp_path / "index").exists()


def test_says_that_the_source_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="source"):
        build(tmp_path / "none.jsonl", tmp_path / "index", BagEncoder(), "bag")
