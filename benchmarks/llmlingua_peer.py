"""The package llmlingua 0.2.2 as a peer, made without a network, and tiny models for it.

Nothing of it is weakened. It cannot be had without two downloads: its model, in whose place any
checkpoint is saved under a path that it accepts, and OpenAI's encoding, in whose place a real
``tiktoken.Encoding`` of few ranks stands, with the same pattern. Both sides count with that one.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from compressors.parity.tokens import Family

if TYPE_CHECKING:
    from llmlingua import PromptCompressor
    from tiktoken import Encoding
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

FAMILIES: Final = tuple(Family)
CORPUS: Final = (
    "The Louvre is a museum in Paris, the capital of France. It opened in 1793.",
    "Twenty-three paintings were stolen; none was found before 2024-10-05.",
    "Das Museum ist am Montag geschlossen. Le musée est fermé le mardi.",
    "Rivers, bridges and old houses: the city has many of each, and 1,234 cafés.",
    "don't say (never) that the cat sat on her mat! Where? Here: https://a.example/b?c=d",
    "call() open() close() it was {|} so <=> or []",
    "0 1 2 3 4 5 6 7 8 9 . , ; : ! ? ( ) [ ] - _ / ' # % & + = @ \" * < > ~",
)
_PATTERN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
"""How cl100k_base cuts a text before it merges bytes."""


def encoding() -> Encoding:
    """A byte-pair encoding like cl100k_base, with the beginnings of a few words as its merges."""
    import tiktoken

    words = {piece for text in CORPUS for word in text.split() for piece in (word, f" {word}")}
    longer = {word.encode()[:n] for word in words for n in range(2, len(word.encode()) + 1)}
    tokens = [*(bytes([value]) for value in range(256)), *sorted(longer, key=lambda t: (len(t), t))]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    return tiktoken.Encoding(
        "small",
        pat_str=_PATTERN,
        mergeable_ranks=ranks,
        special_tokens={"<|endoftext|>": len(ranks)},
    )


@contextmanager
def undisturbed() -> Iterator[None]:
    """The package seeds everything anew, for all of the process; put it back (L18)."""
    import numpy as np
    import torch

    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002 - what the package seeds
    flags = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with patch.dict("os.environ"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.random.set_rng_state(states[2])
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = flags


def package(folder: Path, counting: Encoding, device: str = "cpu") -> PromptCompressor:
    """The package on a checkpoint; its path has to hold one of the two names that it knows."""
    from llmlingua import PromptCompressor

    with undisturbed(), patch("tiktoken.encoding_for_model", return_value=counting):
        # Its default for the configuration is one dictionary that every call changes.
        return PromptCompressor(
            str(folder), device_map=device, model_config={}, use_llmlingua2=True
        )


def checkpoint(family: Family, parent: Path, sizes: dict[str, Any] | None = None) -> Path:
    """A token classifier of random weights with a tokenizer trained on a few sentences."""
    import torch
    from transformers import (
        BertConfig,
        BertForTokenClassification,
        XLMRobertaConfig,
        XLMRobertaForTokenClassification,
    )

    folder = parent / f"tiny-{family.value}"
    tokenizer = _bert() if family is Family.BERT else xlm_roberta(CORPUS, 300)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        # Wide, so that probabilities spread.
        "initializer_range": 0.5,
        "vocab_size": len(tokenizer),
        "num_labels": 2,
        **(sizes or {}),
    }
    with torch.random.fork_rng():
        torch.manual_seed(7)
        if family is Family.BERT:
            model: Any = BertForTokenClassification(BertConfig(**shape))
        else:
            # Positions begin behind the padding's, so 512 tokens take 514.
            config = XLMRobertaConfig(max_position_embeddings=514, pad_token_id=1, **shape)
            model = XLMRobertaForTokenClassification(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _bert() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        show_progress=False, vocab_size=350, special_tokens=specials
    )
    made.train_from_iterator(CORPUS, trainer)
    return fast(made, pad="[PAD]", unk="[UNK]", cls="[CLS]", sep="[SEP]", mask="[MASK]")


def xlm_roberta(texts: Sequence[str], size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of XLM-R's kind, trained on texts."""
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )

    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        show_progress=False,
        vocab_size=size,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        unk_token="<unk>",  # noqa: S106
    )
    made.train_from_iterator(texts, trainer)
    spec = json.loads(made.to_str())
    # XLM-R's own has such pieces, and the package looks for them in a string of all punctuation.
    spec["model"]["vocab"] += [[piece, -4.0] for piece in ("()", "<=", "{|}", "[]", ").")]
    made = Tokenizer.from_str(json.dumps(spec))
    made.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    frame = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>"}
    return fast(made, pad="<pad>", unk="<unk>", mask="<mask>", **frame)


def fast(made: Tokenizer, **specials: str) -> PreTrainedTokenizerFast:
    """Transformers' tokenizer around a raw one; ``cls="<s>"`` names a token."""
    from transformers import PreTrainedTokenizerFast

    names = {f"{name}_token": token for name, token in specials.items()}
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)  # type: ignore[no-untyped-call] # its own


class TiktokenCounts:
    """Tokens of texts as the package counts them."""

    def __init__(self, counting: Encoding) -> None:
        self._counting = counting

    def __call__(self, texts: Sequence[str]) -> Sequence[int]:
        return [len(self._counting.encode(text)) for text in texts]
