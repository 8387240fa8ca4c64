"""What decides an outcome: code, weights and settings, by their digests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import compressors
import retrieval
from condensery import Client, Document, Stage
from evaluation.chains import ChainMethod
from evaluation.store import digest

_HERE: Final = Path(__file__).parent
_COMPRESSORS: Final = Path(compressors.__file__).parent
_MODELS: Final = _COMPRESSORS / "models"
_MEASURING: Final = ("answers", "fields", "measures", "rows", "values", "work")
_USES_OUR_WEIGHTS: Final = frozenset({"llmlingua"})
_QUERY: Final = "Who built the bridge?"
_TEXT: Final = (
    "The bridge was built by Anna Holm in 1911. It is made of stone. Boats pass below it all day. "
    "Its builder also built the town hall."
)
_DECIMALS: Final = 2


def of_measures() -> dict[str, Any]:
    """What decides every outcome: the reading of examples, and what is measured."""
    files = [_HERE / f"{name}.py" for name in _MEASURING]
    return {"code": digest(*files, _COMPRESSORS / "segmentation.py")}


def of_baseline(name: str) -> dict[str, Any]:
    """What decides a method of ``baselines``, as far as it is ours."""
    folders = [_HERE / "baselines"]
    files = [_COMPRESSORS / f"{name}.py" for name in ("lexical", "words", "values")]
    if name in _USES_OUR_WEIGHTS:
        folders.append(_MODELS / "weights")
    return {"code": digest(*folders, *files, _MODELS / "minilm.py")}


def of_reader() -> dict[str, Any]:
    """What decides the extractive reader: its code and its weights."""
    from compressors.models.reader import WEIGHTS

    weights = (WEIGHTS / "model.safetensors", WEIGHTS / "config.json")
    return {"code": digest(_HERE / "readers.py", _MODELS / "reader.py", *weights)}


def of_chain(
    client: Client, method: ChainMethod, settings: Mapping[str, str] | None
) -> dict[str, Any]:
    """What decides a chain; ``settings`` are those of this process, ``None`` for a server.

    Here it is all code and all weights. A server tells neither, so that it is known by what it
    makes of a text: spans and their scores, rounded. Raises ``CondenseryError``.
    """
    info = client.info()
    known = {
        "version": info.version,
        "device": info.device,
        "stages": [[name, [*info.stages[name][:1]]] for name in method.stages],
    }
    if settings is not None:
        code = digest(_COMPRESSORS, *map(Path, retrieval.__path__), _HERE / "chains.py")
        return known | {"code": code, "settings": dict(settings)}
    return known | {"code": digest(_HERE / "chains.py"), "answer": _answer(client, method)}


def _answer(client: Client, method: ChainMethod) -> list[Any]:
    result = client.compress(
        _QUERY,
        [Document("0", _TEXT)],
        stages=[Stage(name) for name in method.stages],
        rate=0.8,
        tokenizer=method.tokenizer,
    )
    return [
        [span.start, span.end, round(span.score, _DECIMALS)]
        for document in result.documents
        for span in document.spans
    ]
