"""Use every model once before the first request does."""

from __future__ import annotations

from typing import Final

from compressors.budget import Budget
from compressors.values import Context, Document
from service.catalogue import Backend, Catalogue

_SENTENCE: Final = "Number {number} says that the warm house by the river has been sold again. "
_TOKENS_OF_SENTENCE: Final = 15
_SENTENCES_OF_DOCUMENT: Final = 2
_DOCUMENTS: Final = 4
_QUERY: Final = "Which house has been sold?"
_ONE_PASS: Final = ("exit", "llmlingua2", "crag")
"""Stages that read what they are given about once."""


def warm_up(catalogue: Catalogue, *, tokens: int | None) -> None:
    """Run each backend of each stage on a little text, and then on about so many tokens.

    A model that does not fit beside its largest batch says so here, and not to a caller.
    """
    little = _context(_DOCUMENTS)
    for backends in catalogue.backends.values():
        for backend in backends.values():
            _run(backend, little, catalogue)
    if tokens is None:
        return
    much = _context(max(_DOCUMENTS, tokens // (_TOKENS_OF_SENTENCE * _SENTENCES_OF_DOCUMENT)))
    for stage in _ONE_PASS:
        for backend in catalogue.backends[stage].values():
            _run(backend, much, catalogue)


def _run(backend: Backend, context: Context, catalogue: Catalogue) -> None:
    budget = Budget(catalogue.counter(None))
    half = budget.count(context.text) // 2
    backend({}).compress(context, budget.limited_to(half))


def _context(documents: int) -> Context:
    texts = [
        "".join(_SENTENCE.format(number=f"{d}.{s}") for s in range(_SENTENCES_OF_DOCUMENT))
        for d in range(documents)
    ]
    return Context.of(_QUERY, [Document(str(n), text) for n, text in enumerate(texts)])
