"""Use every model once before the first request does."""

from __future__ import annotations

from typing import Final

from compressors.budget import Budget
from compressors.values import Context, Document
from service.catalogue import Catalogue

_SENTENCE: Final = "Number {number} says that the warm house by the river has been sold again. "
_TOKENS_OF_SENTENCE: Final = 15
_SENTENCES_OF_DOCUMENT: Final = 12
_QUERY: Final = "Which house has been sold?"


def warm_up(catalogue: Catalogue, *, tokens: int) -> None:
    """Run each backend of each stage on about so many tokens.

    A model that does not fit beside its largest batch says so here, and not to a caller.
    """
    context = _context(tokens)
    budget = Budget(catalogue.counter(None))
    limited = budget.limited_to(max(1, budget.count(context.text) // 2))
    for backends in catalogue.backends.values():
        for backend in backends.values():
            backend({}).compress(context, limited)


def _context(tokens: int) -> Context:
    count = max(1, tokens // _TOKENS_OF_SENTENCE)
    sentences = [_SENTENCE.format(number=number) for number in range(count)]
    texts = [
        "".join(sentences[start : start + _SENTENCES_OF_DOCUMENT])
        for start in range(0, count, _SENTENCES_OF_DOCUMENT)
    ]
    return Context.of(_QUERY, [Document(str(n), text) for n, text in enumerate(texts)])
