"""Reads the whole log of a response's job."""

from contextlib import aclosing
from typing import Any

from gateway.responses.asked import Kept
from gateway.responses.telling import Telling
from llamaq.client.aio.job import AsyncJob


async def told(job: AsyncJob[Any], note: Kept) -> Telling:
    """Wait for the end of a response, and read all of it."""
    telling = Telling(job.id, note)
    async with aclosing(job.events(fresh=False)) as events:
        async for event in events:
            telling.take(event)
            if telling.ended:
                break
    return telling
