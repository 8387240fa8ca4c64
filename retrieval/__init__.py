"""Embeddings, the FAISS index, clustering and the retriever."""
