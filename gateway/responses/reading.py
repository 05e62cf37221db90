"""Reads the whole log of a response's job."""

from contextlib import aclosing
from typing import Any

from gateway.responses.asked import Kept
from gateway.responses.builder import ResponseBuilder
from llamaq.client.aio.job import AsyncJob


async def read_to_end(job: AsyncJob[Any], note: Kept) -> ResponseBuilder:
    """Wait for the end of a response, and read all of it."""
    builder = ResponseBuilder(job.id, note)
    async with aclosing(job.events(fresh=False)) as events:
        async for event in events:
            builder.take(event)
            if builder.ended:
                break
    return builder
