"""Reads the whole log of a response's job."""

from contextlib import aclosing
from typing import Any

from gateway.queue_access import read_pieces
from gateway.responses.builder import ResponseBuilder
from gateway.responses.note import Note
from llamaq.client.aio.job import AsyncJob


async def read_to_end(job: AsyncJob[Any], note: Note) -> ResponseBuilder:
    """Wait for the end of a response, and read all of it."""
    builder = ResponseBuilder(job.id, note)
    async with aclosing(read_pieces(job)) as events:
        async for ready in events:
            for event in ready:
                builder.take(event)
            if builder.ended:
                break
    return builder
