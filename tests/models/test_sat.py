"""The real package, onnxruntime and tokenizer on a model of one table, made here."""

from __future__ import annotations

import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from compressors.engine import Engine
from compressors.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable
from compressors.models.batches import SmallBatches
from compressors.models.sat import MODEL, SatSegmenter
from compressors.work import Work
from tests.models.tokenizers_made_here import xlm_roberta_like

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compressors.protocols import Encoded, Forward

package = pytest.importorskip("wtpsplit_lite")
onnx = pytest.importorskip("onnx")

HALF = 0.5
TEXT = "The museum is closed. It opened in 1793. Is it in Paris? Yes"
LONG = " ".join(f"{TEXT}, number {number}." for number in range(120))
TEXTS = (
    TEXT,
    LONG,
    "  Leading space. And\nlines\n\nof text. ",
    "Ein Café 👩‍👩‍👧 am Fluss. 你好。",
    "x",
)


def made(place: Path, *, labels: int = 1, model_type: str = "xlm-token", shape: int = 3) -> Path:
    """A directory as the authors' are. Each token has a logit of its own: 4 with a terminator at
    its end, else -4. A tenth of the mean over the row is added, so that blocks differ.
    """
    place.mkdir(parents=True, exist_ok=True)
    tokenizer = xlm_roberta_like()
    tokenizer.normalizer = normalizers.Sequence(
        # XLM-R's own drops this character as well.
        [normalizers.NFKC(), normalizers.Replace("\u200b", "")]
    )
    tokenizer.save(str(place / "tokenizer.json"))
    config = {"model_type": model_type, "id2label": {str(i): f"L{i}" for i in range(labels)}}
    (place / "config.json").write_text(json.dumps(config))
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    column = [4.0 if piece[-1] in ".?" else -4.0 for piece, _ in pieces]
    table = np.tile(np.asarray(column, dtype=np.float32)[:, None], (1, labels))
    table[:, 1:] = 9.0
    onnx.save(_graph(table, shape), str(place / MODEL))
    return place


def _graph(table: np.ndarray[Any, Any], shape: int) -> Any:
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("Gather", ["table", "input_ids"], ["own"]),
        node("Cast", ["attention_mask"], ["mask"], to=onnx.TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "last"], ["column"]),
        node("Mul", ["own", "column"], ["told"]),
        node("ReduceSum", ["told", "rows"], ["sum"], keepdims=1),
        node("ReduceSum", ["column", "rows"], ["count"], keepdims=1),
        node("Div", ["sum", "count"], ["mean"]),
        node("Mul", ["mean", "tenth"], ["little"]),
        node("Add", ["own", "little"], ["logits" if shape == 3 else "all"]),
    ]
    if shape != 3:
        nodes.append(node("ReduceSum", ["all", "rows"], ["logits"], keepdims=0))
    constants = {
        "table": table,
        "last": np.asarray([-1]),
        "rows": np.asarray([1]),
        "tenth": np.asarray(0.1, dtype=np.float32),
    }
    graph = onnx.helper.make_graph(
        nodes,
        "sat",
        [
            value("input_ids", onnx.TensorProto.INT64, ["rows", "tokens"]),
            value("attention_mask", onnx.TensorProto.FLOAT16, ["rows", "tokens"]),
        ],
        [value("logits", onnx.TensorProto.FLOAT, [None] * shape)],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("models") / "sat-tiny")


@pytest.fixture(scope="module")
def segmenter(place: Path) -> SatSegmenter:
    return SatSegmenter.load(place, threshold=HALF, threads=1)


def _sentences(segmenter: SatSegmenter, text: str) -> list[str]:
    return [text[start:end] for start, end in segmenter.spans(text)]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("stride", [64, 256])
def test_the_probabilities_are_those_of_the_package(place: Path, text: str, stride: int) -> None:
    own = package.SaT(place, tokenizer_name_or_path=place, ort_providers=["CPUExecutionProvider"])

    ours = SatSegmenter.load(place, threshold=HALF, stride=stride).probabilities(text)

    with np.errstate(over="ignore"):
        theirs = own.predict_proba(text, stride=stride)
    assert ours.shape == (len(text),)
    np.testing.assert_array_equal(ours, theirs)


def test_a_model_with_further_labels_has_the_same_probabilities(
    place: Path, tmp_path: Path
) -> None:
    many = SatSegmenter.load(made(tmp_path, labels=5), threshold=HALF)

    found = many.probabilities(TEXT)

    one = SatSegmenter.load(place, threshold=HALF).probabilities(TEXT)
    np.testing.assert_array_equal(found, one)


def test_a_sentence_ends_where_the_model_says_so(segmenter: SatSegmenter) -> None:
    assert _sentences(segmenter, TEXT) == [
        "The museum is closed. ",
        "It opened in 1793. ",
        "Is it in Paris? ",
        "Yes",
    ]


def test_the_threshold_decides_and_not_the_name_of_the_directory(tmp_path: Path) -> None:
    directory = made(tmp_path / "smith" / "sat-3l-sm")
    probability = float(SatSegmenter.load(directory, threshold=HALF).probabilities(TEXT).max())

    below = SatSegmenter.load(directory, threshold=probability - 1e-4)
    above = SatSegmenter.load(directory, threshold=probability + 1e-4)

    assert len(below.spans(TEXT)) == 4
    assert len(above.spans(TEXT)) == 1


def test_a_blank_line_ends_a_sentence_whatever_the_model_says(segmenter: SatSegmenter) -> None:
    assert _sentences(segmenter, "\n\nA heading\n \nAnd a line\nof text") == [
        "\n\nA heading\n \n",
        "And a line\nof text",
    ]


def test_a_sentence_over_the_limit_is_split_at_white_space(place: Path) -> None:
    short = SatSegmenter.load(place, threshold=HALF, max_chars=40)

    spans = short.spans("word " * 30)

    assert [end - start for start, end in spans] == [40, 40, 40, 30]


@given(st.text(max_size=120) | st.text(alphabet=".!? \n\t\u200b</s>aé👩", max_size=120))
@settings(deadline=None)
def test_spans_are_contiguous_not_empty_and_cover_the_text(
    segmenter: SatSegmenter, text: str
) -> None:
    spans = segmenter.spans(text)

    assert "".join(text[start:end] for start, end in spans) == text
    assert [start for start, _ in spans] == [0, *[end for _, end in spans]][: len(spans)]
    assert all(start < end for start, end in spans)


@pytest.mark.parametrize("text", ["", "\u200b", " \n", "\u200b\n\n\u200b"])
def test_a_text_without_tokens_is_cut_at_blank_lines_alone(
    segmenter: SatSegmenter, text: str
) -> None:
    assert segmenter.probabilities(text).tolist() == [0.0] * len(text)
    assert len(segmenter.spans(text)) == text.count("\u200b\n\n") + bool(text)


class Recording:
    """A ``Forward`` that keeps the rows that it gives to another."""

    def __init__(self, forward: Forward, rows: list[Encoded]) -> None:
        self._forward = SmallBatches(forward)
        self._rows = rows

    def __call__(self, batch: Sequence[Encoded]) -> Sequence[Any]:
        self._rows.extend(batch)
        return self._forward(batch)


def test_control_tokens_in_a_text_are_text(place: Path) -> None:
    rows: list[Encoded] = []
    recording = SatSegmenter.load(place, threshold=HALF, wrap=lambda f: Recording(f, rows))

    recording.spans("The <s> museum </s> is <pad> closed. <mask> Yes")

    known = xlm_roberta_like()
    ids = [known.token_to_id(token) for token in ("<s>", "</s>", "<pad>", "<mask>")]
    (row,) = rows
    assert (row.ids[0], row.ids[-1]) == (ids[0], ids[1])
    assert not {*ids} & {*row.ids[1:-1]}


def test_a_long_text_is_read_in_blocks_that_a_model_can_take(place: Path) -> None:
    rows: list[Encoded] = []
    recording = SatSegmenter.load(place, threshold=HALF, wrap=lambda f: Recording(f, rows))

    spans = recording.spans(LONG)

    assert len(rows) > 5
    assert max(len(row) for row in rows) == 512
    assert len(spans) == LONG.count(".") + LONG.count("?")


def test_many_threads_get_what_one_gets(segmenter: SatSegmenter) -> None:
    texts = [LONG[: 100 * number] for number in range(1, 40)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(segmenter.spans, texts))

    assert found == [segmenter.spans(text) for text in texts]


def test_behind_an_engine_the_spans_are_the_same(place: Path, segmenter: SatSegmenter) -> None:
    texts = [TEXT, LONG, *TEXTS]

    with Engine() as engine, ThreadPoolExecutor(4) as pool:
        shared = SatSegmenter.load(
            place, threshold=HALF, threads=1, wrap=partial(engine.wrap, name="sat")
        )
        found = list(pool.map(shared.spans, texts))

    assert found == [segmenter.spans(text) for text in texts]


def test_a_request_that_is_late_is_not_segmented(segmenter: SatSegmenter) -> None:
    with Work(deadline=0.0).active(), pytest.raises(DeadlineExceeded):
        segmenter.spans(TEXT)


def test_the_time_is_booked_as_tokenizing_and_computing(segmenter: SatSegmenter) -> None:
    with Work().active() as work:
        segmenter.spans(LONG)

    assert work.seconds.tokenizing > 0
    assert work.seconds.computing > 0


def test_loading_and_segmenting_need_no_network(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert len(SatSegmenter.load(str(place), threshold=HALF).spans(TEXT)) == 4


def test_importing_the_package_leaves_the_environment_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "wtpsplit_lite"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")

    SatSegmenter.load(place, threshold=HALF)

    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"


def test_without_the_package_the_extra_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wtpsplit_lite", None)

    with pytest.raises(Unavailable, match=r"\[sat\]"):
        SatSegmenter.load(place, threshold=HALF)


def test_a_directory_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="sat-3l"):
        SatSegmenter.load(tmp_path / "sat-3l", threshold=HALF)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", MODEL])
def test_a_directory_that_lacks_a_file_says_which(tmp_path: Path, name: str) -> None:
    (made(tmp_path) / name).unlink()

    with pytest.raises(Unavailable, match=name):
        SatSegmenter.load(tmp_path, threshold=HALF)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", MODEL])
def test_a_broken_file_is_unavailable(tmp_path: Path, name: str) -> None:
    (made(tmp_path) / name).write_bytes(b"no such thing")

    with pytest.raises(Unavailable, match="does not load"):
        SatSegmenter.load(tmp_path, threshold=HALF)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="bert"):
        SatSegmenter.load(made(tmp_path / "bert", model_type="bert"), threshold=HALF)
    with pytest.raises(Unavailable, match="shape"):
        SatSegmenter.load(made(tmp_path / "flat", shape=2), threshold=HALF)


def test_a_provider_that_is_not_here_is_named(place: Path) -> None:
    with pytest.raises(Unavailable, match="NoSuchProvider"):
        SatSegmenter.load(place, threshold=HALF, providers=["NoSuchProvider"])


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_is_a_probability(place: Path, threshold: float) -> None:
    with pytest.raises(InvalidInput, match="threshold"):
        SatSegmenter.load(place, threshold=threshold)


@pytest.mark.parametrize("options", [{"stride": 0}, {"stride": 511}, {"max_chars": 0}])
def test_sizes_that_cannot_be_are_refused(place: Path, options: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        SatSegmenter.load(place, threshold=HALF, **options)
