"""Build an index from a file of documents."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from compressors.errors import InvalidInput, NotFound
from compressors.protocols import Encoder
from compressors.values import Document
from retrieval.index import Index
from retrieval.storage import save

_FIELDS = {"id", "title", "text", "metadata"}


def _nobody(_: int) -> None:
    pass


def build(
    source: Path,
    directory: Path,
    encoder: Encoder,
    name: str,
    *,
    progress: Callable[[int], None] = _nobody,
) -> Index:
    """Index the documents of a JSONL file, which may be gzipped, and save that to a directory.

    Lines are ``{"id", "text", "title"?, "metadata"?}``; empty lines are skipped. ``progress``
    hears the number of documents done. Raises ``InvalidInput`` naming the line that is wrong,
    before anything is encoded or written.
    """
    index = Index.build(list(documents_of(source)), encoder, name, progress=progress)
    save(index, directory)
    return index


def documents_of(source: Path) -> Iterator[Document]:
    """The documents of a JSONL file, one after the other."""
    if not source.is_file():
        raise NotFound("source", f"{source} does not exist")
    with _opened(source) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _document(line, f"{source.name}:{number}")


def _opened(source: Path) -> BinaryIO:
    if source.suffix == ".gz":
        return cast("BinaryIO", gzip.open(source, "rb"))
    return source.open("rb")


def _document(line: bytes, place: str) -> Document:
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(place, f"is not JSON in UTF-8: {error}") from error
    if not isinstance(record, Mapping):
        raise InvalidInput(place, "is not an object")
    if unknown := record.keys() - _FIELDS:
        raise InvalidInput(place, f"has fields that are not known: {', '.join(sorted(unknown))}")
    text = _string(record, "text", place)
    if not text.strip():
        raise InvalidInput(f"{place}.text", "is blank")
    metadata: Any = record.get("metadata", {})
    if not isinstance(metadata, Mapping):
        raise InvalidInput(f"{place}.metadata", "is not an object")
    title = _string(record, "title", place) if "title" in record else ""
    return Document(_string(record, "id", place), text, title, metadata)


def _string(record: Mapping[str, Any], field: str, place: str) -> str:
    value = record.get(field)
    if not isinstance(value, str):
        raise InvalidInput(f"{place}.{field}", "is missing or not a string")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidInput(f"{place}.{field}", "holds half of a surrogate pair")
    return value
