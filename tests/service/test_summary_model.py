"""A seq2seq checkpoint serves only if it beats chance, or its operator waives that."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from compressors.errors import Unavailable
from compressors.values import Document
from service.pipeline import Pipeline
from service.request import BudgetSpec, Request, StageSpec, TcraSummaryOptions
from service.settings import Settings
from tests.models import tokenizers_made_here as made
from tests.models.models_made_here import fast

TEXT = (
    "The museum stands at the old harbour. It opened in 1931, in a former sugar warehouse. "
    "Boats leave from the pier in front of it every hour."
)


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 that nobody taught anything."""
    folder = tmp_path_factory.mktemp("t5")
    torch.manual_seed(7)
    tokenizer = fast(made.words_of_t5([TEXT]), eos="</s>", pad="<pad>", unk="<unk>")
    sizes = {"d_model": 48, "d_kv": 12, "d_ff": 96, "num_layers": 1, "num_heads": 4}
    config = T5Config(vocab_size=len(tokenizer), decoder_start_token_id=0, **sizes)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_model_that_does_not_beat_chance_does_not_serve(untaught: Path) -> None:
    settings = Settings(device="cpu", summary_model=str(untaught))

    with pytest.raises(Unavailable), Pipeline.open(settings):
        pass


def test_several_models_must_say_what_they_were_tuned_for(untaught: Path) -> None:
    both = f"{untaught}, {untaught}"
    settings = Settings(device="cpu", summary_model=both, summary_gate=False)

    with pytest.raises(Unavailable, match="tuned_rate"), Pipeline.open(settings):
        pass


def test_nonsense_of_a_waived_model_is_replaced_by_sentences(untaught: Path) -> None:
    settings = Settings(device="cpu", summary_model=str(untaught), summary_gate=False)
    stage = StageSpec(name="tcra-summary", options=TcraSummaryOptions(summarizer="seq2seq"))
    asked = Request(
        query="When did the museum open?",
        documents=(Document("m", TEXT),),
        stages=(stage,),
        budget=BudgetSpec(rate=0.6),
    )

    with Pipeline.open(settings) as pipeline:
        result = pipeline.compress(asked)

    assert "seq2seq" in pipeline.info().summarizers
    assert "summary refused" in result.stages[0].detail
    assert result.text
    assert all(span.end <= len(TEXT) for span in result.documents[0].spans)
