"""Mode parity as a stage: the package's words, as slices of the source."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.llmlingua_cases import Case, cases
from benchmarks.llmlingua_parity import Hashed
from benchmarks.llmlingua_peer import FAMILIES, checkpoint, encoding
from compressors.budget import Budget
from compressors.errors import InvalidInput
from compressors.llmlingua2_parity import Llmlingua2Parity
from compressors.models.package_classifier import PackageClassifier
from compressors.parity.decisions import decide
from compressors.parity.values import ParityOptions
from compressors.protection import Protection
from compressors.values import Context, Document, Passage, Span
from compressors.work import Work
from service.tokenizers import TiktokenCounter
from tests.models.probabilities_on_hand import Table, bert_tokens, letters
from tests.models.texts import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTER = TiktokenCounter("small", encoding())
TEN = dict(zip("abcdefghij", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99), strict=True))
BUDGET = Words().budget


def staged(model: Table, **options: object) -> Llmlingua2Parity:
    return Llmlingua2Parity(model, "table", ParityOptions(**options))  # type: ignore[arg-type] - names of options


def context(*texts: str, allow_empty: bool = False) -> Context:
    documents = [Document(str(number), text) for number, text in enumerate(texts)]
    return Context.of("", documents, allow_empty=allow_empty)


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def classifier(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PackageClassifier:
    folder = checkpoint(request.param, tmp_path_factory.mktemp("parity"))
    return PackageClassifier.load(str(folder), device="cpu")


def squeezed(text: str) -> str:
    return "".join(text.replace("▁", "").split())


def test_what_stays_of_random_cases_are_the_words_that_the_package_keeps(
    classifier: PackageClassifier,
) -> None:
    """Every word is at its place in the source, or counted as one that is not in it."""
    kept = lost = 0
    for case in cases(150, seed=3):
        model = PackageClassifier(classifier.tokens, Hashed(case.seed, case.levels).forward)
        found = words_and_text(model, case)
        if found is None:
            continue
        words, text, missing = found
        kept, lost = kept + len(words), lost + missing
        if not missing:
            wanted = squeezed(classifier.tokens.normalized("".join(words)))
            assert squeezed(classifier.tokens.normalized(text)) == wanted, case

    assert kept > 2000
    assert lost < 0.05 * kept  # of texts full of ligatures and of names of phrases


def words_and_text(model: PackageClassifier, case: Case) -> tuple[list[str], str, int] | None:
    """The words that the package keeps, the text that the stage gives, and the missing words."""
    texts = [text for text in case.texts if text.strip()]
    options = replace(case.options, force_context_ids=(0,) if texts else ())
    stage = Llmlingua2Parity(model, "hashed", options)
    given = context(*texts, allow_empty=True)
    with Work().active() as work:
        try:
            decisions = decide(model, texts, options, COUNTER.count)
            result = stage.compress(given, Budget(COUNTER))
        except InvalidInput:
            return None
    if any(document.kept and not document.judged for document in decisions.documents):
        return None  # whole documents
    words = [
        judged.words.texts[index]
        for document in decisions.documents
        for judged in document.judged
        for index in judged.kept.nonzero()[0]
    ]
    return words, result.text, sum(int(note.split()[0]) for note in work.notes)


def test_the_text_is_the_sources_not_the_decoders() -> None:
    """L4, L6: white space and parts stay apart as they were."""
    model = letters(TEN)

    result = staged(model).compress(context("h  i\n\nj a b c d e f g"), BUDGET())

    assert result.text == "h  i\n\nj f g"


def test_scores_are_those_of_words() -> None:
    result = staged(letters(TEN), rate=0.3).compress(context(" ".join(TEN)), BUDGET())

    (passage,) = result.passages
    assert passage.text == "h i j"
    assert [span.score for span in passage.spans] == pytest.approx([(0.8 + 0.9 + 0.99) / 3])


def test_a_limit_is_the_packages_target_in_the_budgets_tokens() -> None:
    result = staged(letters(TEN), rate=0.9).compress(context(" ".join(TEN)), BUDGET(3))

    assert result.text == "h i j"


def test_a_rate_of_one_keeps_everything_as_it_is() -> None:
    given = context("[UNK]  a\n")

    assert staged(letters(TEN), rate=1.0).compress(given, BUDGET()) == given


def test_forced_documents_are_those_of_the_request() -> None:
    """Documents without text are not given to the method, which fails on them."""
    stage = staged(letters(TEN), rate=1.0, use_context_level_filter=True, context_level_rate=0.5)
    forced = replace(stage, options=replace(stage.options, force_context_ids=(2,)))
    given = context("", "a a", "b b", " ", "c c", "d d")

    assert [p.text for p in stage.compress(given, BUDGET()).passages if p.spans] == ["c c", "d d"]
    assert [p.text for p in forced.compress(given, BUDGET()).passages if p.spans] == [
        "b b",
        "c c",
        "d d",
    ]


def test_a_phrase_is_found_where_it_stood() -> None:
    model = Table(bert_tokens(*TEN), TEN)
    stage = staged(model, rate=0.3, force_tokens=("b, a",))

    result = stage.compress(context("c b, a d e i j f g h"), BUDGET())

    assert result.text == "b, a j"
    assert [row.ids for row in model.rows if 5 in row.ids]  # the name that stood for it


def test_only_what_an_earlier_stage_left_is_read_and_kept() -> None:
    model = letters(TEN)
    document = Document("0", "a b c d e. f g h i j. x x x x")
    passage = Passage(document, (Span(0, 10), Span(22, 29)))
    given = replace(Context.of("", [document]), passages=(passage,))

    result = staged(model, rate=0.5).compress(given, BUDGET())

    (tokens,) = [model.tokens.names(row) for row in model.rows]
    assert tokens[1:-1] == ["a", "b", "c", "d", "e", ".", "[UNK]", "[UNK]", "[UNK]", "[UNK]"]
    assert result.text == "d e."
    assert result.passages[0].spans == (Span(6, 10),)


def test_words_that_are_not_in_the_source_are_counted() -> None:
    """A text that looks like the name of a phrase becomes the phrase in the package's result."""
    model = letters(TEN, usual=0.9)
    stage = staged(model, rate=0.4, force_tokens=("b, a",))

    with Work().active() as work:
        result = stage.compress(context("[NEW0] a b c d e f i j"), BUDGET())

    assert result.text == "i j"
    assert work.notes == ("1 kept words do not stand in the source and are left out",)


def test_something_stays_unless_the_caller_allows_nothing() -> None:
    """L7: of equal words, and of a single one, the package keeps none."""
    stage = staged(letters(TEN))

    with Work().active() as work:
        result = stage.compress(context("a a", "b"), BUDGET())

    assert result.text == "b"
    assert work.notes == ("the package keeps nothing; the word that is worth most stays",)
    assert stage.compress(context("a a", "b", allow_empty=True), BUDGET()).text == ""


def test_protected_texts_stay() -> None:
    stage = staged(letters(TEN), rate=0.3)
    given = replace(context(" ".join(TEN)), protection=Protection(("c d",)))

    with Work().active() as work:
        result = stage.compress(given, BUDGET())

    assert result.text == "c d h i j"
    assert work.notes == ("1 protected texts stay that the package would drop or cut",)


@pytest.mark.parametrize("texts", [[], [""], [" ", "\n"]])
def test_nothing_is_made_of_nothing(texts: Sequence[str]) -> None:
    given = context(*texts)

    assert staged(letters(TEN)).compress(given, BUDGET()) == given


def test_threads_may_share_the_stage(classifier: PackageClassifier) -> None:
    stage = Llmlingua2Parity(classifier, "checkpoint", ParityOptions(force_tokens=("museum in",)))
    given = [context(f"The {word} is a museum in Paris. It opened in 1793.") for word in TEN]
    wanted = [stage.compress(one, BUDGET()).text for one in given]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: stage.compress(one, BUDGET()).text, given))

    assert found == wanted
