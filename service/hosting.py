"""The service without a wire, for a program that does its own compression."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager

from compressors.engine import limit_threads
from service.llm import load_llm
from service.pipeline import Pipeline
from service.prompt import Template
from service.servicer import CompressionServicer
from service.settings import Settings
from service.workers import Workers

OpenPipeline = Callable[[Settings], AbstractContextManager[Pipeline]]


@asynccontextmanager
async def hosted(
    settings: Settings, *, open_pipeline: OpenPipeline = Pipeline.open
) -> AsyncIterator[CompressionServicer]:
    """What answers calls; its methods want no more of their context than ``time_remaining``.

    Blocks the event loop while models load and unload, so that loop should be of its own.
    Raises ``ValueError`` or ``CompressionError`` where the settings name what cannot be had.
    """
    if "torch" not in sys.modules:
        limit_threads(os.environ, settings.threads or None)
    async with AsyncExitStack() as stack:
        # What is quick to refuse comes first.
        template = Template.load(settings.prompt_template_file)
        llm = load_llm(settings)
        if llm is not None:
            stack.push_async_callback(llm.close)
        pipeline = stack.enter_context(open_pipeline(settings))
        workers = await stack.enter_async_context(Workers(settings.workers))
        yield CompressionServicer(
            lambda: pipeline,
            workers,
            llm=llm,
            template=template,
            default_deadline=settings.default_deadline_seconds,
            saw=_nobody,
        )


def _nobody(_: object) -> None:
    pass
