"""Other projects' methods: that they keep the laws, and that it is really they who choose."""

from __future__ import annotations

import random
import sys

import pytest

from compressors.errors import Unavailable
from compressors.models.embedded import EmbeddedModel
from compressors.models.minilm import MiniLmCounter
from compressors.protocols import Pieces
from evaluation.baselines import baselines
from evaluation.baselines.dense import Remembering
from evaluation.baselines.pieces import sentences, size
from evaluation.values import Example, Method, Shortened, Source
from tests.evaluation.baseline_examples import BRIDGE, ODD, laws

pytestmark = pytest.mark.filterwarnings("ignore")
"""Of the peers' own imports."""

COUNTER = MiniLmCounter()
EXAMPLES = pytest.mark.parametrize("example", [BRIDGE, ODD], ids=["plain", "odd"])


def made(name: str) -> Method:
    """A method, or no test where its package is not installed, as on a machine without extras."""
    try:
        (method,) = baselines([name], COUNTER)
    except Unavailable as error:
        pytest.skip(str(error))
    return method


@pytest.fixture(scope="module")
def filtering() -> Method:
    return made("embeddings-filter")


@pytest.fixture(scope="module")
def optimizing() -> Method:
    return made("sentence-embedding-optimizer")


@pytest.fixture(scope="module")
def lingua() -> Method:
    return made("llmlingua")


@pytest.fixture(scope="module")
def encoder() -> Remembering:
    return Remembering.load()


def within(method: Method, example: Example, budget: int) -> Shortened:
    (found,) = method.shorten(example, [budget])
    return found


def texts(result: Shortened) -> list[str]:
    return [kept.text for kept in result]


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [
        ("embeddings-filter", "langchain_peer", "langchain_classic"),
        ("sentence-embedding-optimizer", "llamaindex_peer", "llama_index.core"),
        ("llmlingua", "llmlingua_peer", "llmlingua"),
    ],
)
def test_says_what_to_install(
    name: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"evaluation.baselines.{module}", raising=False)
    # So that importing it fails, even if another test did so before.
    known = [one for one in sys.modules if one == package or one.startswith(f"{package}.")]
    for one in {*known, package}:
        monkeypatch.setitem(sys.modules, one, None)

    with pytest.raises(Unavailable, match=r"condensery-server\[peers\]"):
        baselines([name], COUNTER)


@EXAMPLES
def test_the_filter_keeps_the_laws_of_a_method(filtering: Method, example: Example) -> None:
    laws(filtering, example, COUNTER)


def test_the_filter_keeps_what_langchain_keeps_with_that_k(
    filtering: Method, encoder: Remembering
) -> None:
    from evaluation.baselines.langchain_peer import documents, pipeline

    chosen = pipeline(encoder, 2).compress_documents(documents(BRIDGE), BRIDGE.query)
    budget = sum(COUNTER.count([chunk.page_content for chunk in chosen]))
    found = within(filtering, BRIDGE, budget)

    assert sorted(texts(found)) == sorted(chunk.page_content for chunk in chosen)
    assert size(within(filtering, BRIDGE, budget - 1), COUNTER) < budget


def test_a_chunk_whose_place_is_lost_is_given_without_it(filtering: Method) -> None:
    text = "Trams ran here. . They were red. . Few remember them." + " It is long ago." * 20
    example = Example("q", "Were trams red?", (), (Source("", text),))
    (kept,) = within(filtering, example, 75)

    assert kept.spans is None
    assert "They were red" in kept.text


@EXAMPLES
def test_the_optimizer_keeps_the_laws_of_a_method(optimizing: Method, example: Example) -> None:
    laws(optimizing, example, COUNTER)


@pytest.mark.parametrize("cutoff", [0.3, 0.5, 0.8])
def test_the_optimizer_keeps_what_llamaindex_keeps_with_that_cutoff(
    optimizing: Method, encoder: Remembering, cutoff: float
) -> None:
    from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    from evaluation.baselines.llamaindex_peer import MiniLmEmbedding

    cut = {
        source.text: [one.text(BRIDGE) for one in sentences(BRIDGE, index)]
        for index, source in enumerate(BRIDGE.documents)
    }
    nodes = [NodeWithScore(node=TextNode(text=source.text)) for source in BRIDGE.documents]
    optimizer = SentenceEmbeddingOptimizer(
        embed_model=MiniLmEmbedding(encoder),
        percentile_cutoff=cutoff,
        tokenizer_fn=cut.__getitem__,
        context_before=0,
        context_after=0,
    )
    left = optimizer.postprocess_nodes(nodes, query_bundle=QueryBundle(BRIDGE.query))
    wanted = [node.node.get_content() for node in left]

    assert texts(within(optimizing, BRIDGE, sum(COUNTER.count(wanted)))) == wanted


def test_the_optimizer_says_which_sentences_its_text_has(optimizing: Method) -> None:
    for kept in within(optimizing, BRIDGE, 45):
        text = BRIDGE.documents[kept.document].text
        assert kept.spans is not None
        assert sorted(kept.text.split()) == sorted(
            " ".join(text[start:end] for start, end in kept.spans).split()
        )


def test_the_optimizer_takes_fewer_documents_where_they_cannot_all_be_short_enough(
    optimizing: Method,
) -> None:
    found = within(optimizing, BRIDGE, 12)

    assert texts(found) == ["The Holm bridge was built in 1911."]


@EXAMPLES
def test_the_package_keeps_the_laws_of_a_method(lingua: Method, example: Example) -> None:
    laws(lingua, example, COUNTER)


@pytest.mark.parametrize("percent", [20, 50, 77])
def test_the_package_chooses_the_words(lingua: Method, percent: int) -> None:
    from evaluation.baselines.llmlingua_peer import PackageWords

    assert isinstance(lingua, PackageWords)
    given = [source.text for source in BRIDGE.documents]
    result = lingua.package.compress_prompt(
        given, rate=percent / 100, use_context_level_filter=False
    )
    wanted = [text for text in result["compressed_prompt_list"] if text]
    budget = sum(COUNTER.count(wanted))
    tokens = lingua.tokenizer

    found = texts(within(lingua, BRIDGE, budget))

    assert [tokens.encode(text).tokens for text in found] == [
        tokens.encode(text).tokens for text in wanted
    ]


def test_the_package_has_the_probabilities_of_the_embedded_model(lingua: Method) -> None:
    from evaluation.baselines.llmlingua_peer import PackageWords

    assert isinstance(lingua, PackageWords)
    text = BRIDGE.documents[0].text
    inputs = lingua.package.tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
    logits = lingua.package.model(inputs["input_ids"], inputs["attention_mask"]).logits
    theirs = logits.softmax(-1)[0, 1:-1, 1].tolist()
    ranges = tuple((start, end) for start, end in inputs["offset_mapping"][0, 1:-1].tolist())
    (ours,) = EmbeddedModel.load().words.score([Pieces(text, ranges)])

    assert theirs == pytest.approx(ours, abs=1e-5)


def test_the_package_is_asked_for_its_own_text_where_words_cannot_be_found(lingua: Method) -> None:
    # The tokenizer drops what it takes for a control token, and the package with it.
    example = Example("q", "", (), (Source("", "Trams ran here [SEP] until 1950, said all."),))
    (kept,) = within(lingua, example, 6)

    assert kept.spans is None
    assert kept.text == kept.text.lower()


def test_loading_the_package_leaves_random_numbers_alone() -> None:
    random.seed(7)
    wanted = [random.random() for _ in range(2)]  # noqa: S311 - compared, not secret
    random.seed(7)
    first = random.random()  # noqa: S311
    made("llmlingua")

    assert [first, random.random()] == wanted  # noqa: S311
