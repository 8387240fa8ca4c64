"""Decode, validate and segment whatever bytes there are, as a server does before any model.

`python -m fuzz.decode -max_total_time=60 [CORPUS]` lets atheris look for bytes that break this;
all options are those of libFuzzer.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence

from google.protobuf.message import DecodeError

from compressors.errors import InvalidInput, NotFound
from compressors.segmentation import RuleSegmenter
from condensery.v1 import compression_pb2 as pb
from service.border import question_from_pb, request_from_pb
from service.limits import Limits
from service.request import Request
from service.settings import Settings

_LIMITS = Limits.of(Settings())
_SEGMENTER = RuleSegmenter()


def check(data: bytes) -> bool:
    """Whether the bytes are a request that a server would work on.

    Anything but a refusal for what they are leaves as it is: that is a find. So does
    ``AssertionError`` where sentences are not all of a text, in their order.
    """
    try:
        message = pb.GenerateRequest.FromString(data)
        question_from_pb(message, deadline=0.0)
        request = request_from_pb(message.compress)
        _LIMITS.check(request)
    except (DecodeError, InvalidInput, NotFound):
        return False
    _segment(request)
    return True


def _segment(request: Request) -> None:
    for text in (request.query, *(document.text for document in request.documents)):
        at = 0
        for start, end in _SEGMENTER.spans(text):
            if not at == start < end:
                raise AssertionError(f"a sentence from {start} to {end}, after one to {at}")
            at = end
        if at != len(text):
            raise AssertionError(f"sentences up to {at} of a text of {len(text)}")


def seeds() -> Sequence[bytes]:
    """Messages that are in order, to begin with."""
    compress = pb.CompressRequest(
        query="Where is the Louvre?",
        documents=[pb.Document(id="1", title="Museums", text="Dr. No is in Paris. 3.5 km off!")],
        budget=pb.Budget(rate=0.5),
        protected_texts=["Paris"],
        protected_patterns=[r"\d+"],
    )
    staged = pb.CompressRequest(query="x", documents=compress.documents)
    staged.stages.stages.add(name="exit", backend="embedded").exit.threshold = 0.5
    return [
        pb.GenerateRequest(compress=each, temperature=0.5).SerializeToString()
        for each in (compress, staged, pb.CompressRequest(index=pb.IndexQuery(name="a", top_k=3)))
    ]


def main(arguments: Sequence[str]) -> None:
    """Look until a limit of libFuzzer is reached, which ends the process."""
    import atheris

    # What was imported is instrumented in place: finding paths needs to see them.
    from compressors import segmentation
    from service import border, limits

    for module in (segmentation, border, limits):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__:
                setattr(module, name, atheris.instrument_func(function))
    atheris.Setup(list(arguments), check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
