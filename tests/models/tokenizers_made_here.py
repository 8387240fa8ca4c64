"""Real tokenizers, trained here on a few sentences, since tests have no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = (
    "The Louvre is a museum in Paris, the capital of France. It opened in 1793.",
    "Is this sentence useful in answering the query? Answer only Yes or No.",
    "Query: Full context: Sentence: user model",
    "Twenty-three paintings were stolen; none was found before 2024-10-05.",
    "Das Museum ist am Montag geschlossen. Le musée est fermé le mardi.",
    "Rivers, bridges and old houses: the city has many of each, and 1,234 cafés.",
)
_ANSWERS = ("Yes No Yes No",) * 8
"""What EXIT's models answer; often, so that each becomes one token."""
VOCABULARY = 400


def gemma_like() -> Tokenizer:
    """BPE with byte fallback; turn markers among the special tokens; adds <bos>."""
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))  # noqa: S106
    made.normalizer = normalizers.Replace(" ", "\u2581")
    made.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    _train(
        made,
        trainers.BpeTrainer(
            show_progress=False, vocab_size=800, special_tokens=[*specials, *bytes_]
        ),
        2,
    )
    made = _unmarked(made, bytes_)
    made.add_tokens(["\n\n", "<table>"])
    made.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    made.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    return made


def llama_like() -> Tokenizer:
    """Byte-level BPE with Llama 3's markers, of which EXIT's prompt has none."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    _train(
        made,
        trainers.BpeTrainer(show_progress=False, vocab_size=VOCABULARY, initial_alphabet=alphabet),
        2,
    )
    made.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    made.decoder = decoders.ByteLevel()
    first = made.token_to_id("<|begin_of_text|>")
    made.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", first)]
    )
    return made


def qwen_like(size: int = VOCABULARY) -> Tokenizer:
    """Byte-level BPE that adds nothing in front of a text."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    _train(
        made,
        trainers.BpeTrainer(show_progress=False, vocab_size=size, initial_alphabet=alphabet),
        2,
    )
    made.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    made.add_tokens(["<tool_call>"])
    made.decoder = decoders.ByteLevel()
    return made


def bert_like() -> Tokenizer:
    """WordPiece with BERT's frame."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    _train(
        made,
        trainers.WordPieceTrainer(
            show_progress=False, vocab_size=VOCABULARY, special_tokens=specials
        ),
    )
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return made


def xlm_roberta_like() -> Tokenizer:
    """Unigram with XLM-R's special tokens, which are ordinary pieces of its vocabulary too."""
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    trainer = trainers.UnigramTrainer(
        show_progress=False,
        vocab_size=300,
        special_tokens=specials,
        unk_token="<unk>",  # noqa: S106
        initial_alphabet=[],
    )
    _train(made, trainer)
    made.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    made.decoder = decoders.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made


def words_of_t5(sentences: Sequence[str]) -> Tokenizer:
    """Unigram that ends a text with </s>, made so that it can write these sentences."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        show_progress=False,
        vocab_size=300,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",  # noqa: S106
    )
    made.train_from_iterator([*TEXTS, *sentences], trainer)
    made.decoder = decoders.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return made


def _train(made: Tokenizer, trainer: trainers.Trainer, times: int = 1) -> None:
    made.train_from_iterator([*TEXTS, *_ANSWERS] * times, trainer)


def _unmarked(made: Tokenizer, pieces: Sequence[str]) -> Tokenizer:
    """The tokenizer with these pieces as ordinary ones: only the trainer wanted them special."""
    import json

    spec = json.loads(made.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] not in pieces]
    return Tokenizer.from_str(json.dumps(spec))
