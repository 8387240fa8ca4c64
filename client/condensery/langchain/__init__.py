"""Compression inside LangChain: a document compressor, a transformer and a retriever."""

from condensery.langchain.compressor import CondenseryCompressor
from condensery.langchain.retriever import CondenseryRetriever
from condensery.langchain.transformer import CondenseryTransformer

__all__ = ["CondenseryCompressor", "CondenseryRetriever", "CondenseryTransformer"]
