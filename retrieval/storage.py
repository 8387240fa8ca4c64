"""An index as a directory: vectors, documents, and a manifest that both are checked against.

    vectors.faiss      what FAISS writes of an IndexFlatIP
    documents.jsonl    one document a line, ASCII only
    manifest.json      version, encoder, dimension, number of documents, sha256 of both files

Nothing is pickled, and no file is parsed before its hash is right.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from compressors.errors import InvalidInput, NotFound
from compressors.values import Document, Source
from retrieval.index import Index

VERSION: Final = 1
VECTORS, DOCUMENTS, MANIFEST = "vectors.faiss", "documents.jsonl", "manifest.json"


def save(index: Index, directory: Path) -> None:
    """Write an index into a directory, which is made if need be; the manifest comes last.

    Raises ``InvalidInput`` for metadata that JSON cannot give back as it was, and ``OSError``.
    """
    import faiss

    lines = [
        _line(document, f"index.documents[{number}]")
        for number, document in enumerate(index.documents)
    ]
    files = {
        VECTORS: bytes(faiss.serialize_index(index.vectors)),
        DOCUMENTS: "".join(lines).encode("ascii"),
    }
    manifest = {
        "version": VERSION,
        "encoder": index.encoder,
        "dimension": index.dimension,
        "documents": len(index),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        _replace(directory / name, data)
    _replace(directory / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode("ascii"))


def load(directory: Path, *, encoder: str | None = None) -> Index:
    """The index that was saved into a directory; ``encoder`` is the model that will search it.

    Raises ``NotFound`` if a file is missing and ``InvalidInput`` if one is not the one that was
    saved, or was made by another version or another encoder.
    """
    import faiss
    import numpy as np

    manifest = _manifest(directory)
    if encoder is not None and manifest["encoder"] != encoder:
        raise InvalidInput(
            "index.encoder", f"the index was made by {manifest['encoder']!r}, not {encoder!r}"
        )
    data = {name: _checked(directory / name, manifest) for name in (VECTORS, DOCUMENTS)}
    vectors = faiss.deserialize_index(np.frombuffer(data[VECTORS], dtype=np.uint8))
    documents = tuple(
        _document(json.loads(line)) for line in data[DOCUMENTS].decode("ascii").splitlines()
    )
    if vectors.d != manifest["dimension"] or len(documents) != manifest["documents"]:
        raise InvalidInput("index", f"{directory} does not hold what its manifest says")
    return Index(documents, vectors, str(manifest["encoder"]))


def _line(document: Document, field: str) -> str:
    metadata = dict(document.metadata)
    try:
        text = json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{field}.metadata", f"is not JSON: {error}") from error
    if json.loads(text) != metadata:
        raise InvalidInput(f"{field}.metadata", "changes on its way through JSON")
    record = {
        "id": document.id,
        "title": document.title,
        "text": document.text,
        "metadata": metadata,
        "sources": [[s.document_id, s.start, s.end] for s in document.sources],
    }
    return json.dumps(record) + "\n"


def _document(record: Mapping[str, Any]) -> Document:
    return Document(
        id=record["id"],
        text=record["text"],
        title=record["title"],
        metadata=record["metadata"],
        sources=tuple(Source(*source) for source in record["sources"]),
    )


def _manifest(directory: Path) -> Mapping[str, Any]:
    data = _read(directory / MANIFEST)
    try:
        manifest = json.loads(data)
        version = manifest["version"]
        complete = {"encoder", "dimension", "documents", "sha256"} <= manifest.keys()
        hashed = {VECTORS, DOCUMENTS} <= manifest["sha256"].keys()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput("index", f"{directory / MANIFEST} is not a manifest") from error
    if version != VERSION:
        raise InvalidInput("index.version", f"must be {VERSION}, is {version!r}")
    if not complete or not hashed:
        raise InvalidInput("index", f"{directory / MANIFEST} is not a manifest")
    found: Mapping[str, Any] = manifest
    return found


def _checked(path: Path, manifest: Mapping[str, Any]) -> bytes:
    # The bytes that were hashed are the bytes that are parsed: read once.
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != manifest["sha256"][path.name]:
        raise InvalidInput("index", f"{path} is not the file that was saved")
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound("index", f"{path} does not exist") from error


def _replace(path: Path, data: bytes) -> None:
    # A reader sees the old file or the new one, never a part.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)
