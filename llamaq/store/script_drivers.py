"""Runs scripts: does the steps of `script_runs` over a client, blocking or in asyncio."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from llamaq.store.answers import Answer
from llamaq.store.clock import SYSTEM
from llamaq.store.redis_client import AsyncClient, Client
from llamaq.store.script_runs import Call, Pause, Reply, Send, Steps, running

T = TypeVar("T")


def run(client: Client, call: Call) -> Answer:
    """Run a script.

    Raises:
        RedisError: it failed, or Redis does not answer.
        VersionMismatch: the fleet runs another version, and the two do not fit together.
    """
    return raised(run_many(client, [call])[0])


def run_many(client: Client, calls: Sequence[Call]) -> list[Answer | Exception]:
    """Run scripts in one round trip. A script that failed has its error in the list."""
    return driven(client, running(calls), None)


def driven(client: Client, steps: Steps[T], replies: Sequence[Reply] | None) -> T:
    """Do the steps, from the one with these replies on, and return their result."""
    while True:
        try:
            step = steps.send(replies)
        except StopIteration as end:
            result: T = end.value
            return result
        match step:
            case Send(commands):
                replies = client.execute_all(commands)
            case Pause(seconds):
                SYSTEM.sleep(seconds)
                replies = []


async def run_async(client: AsyncClient, call: Call) -> Answer:
    """As `run`, awaited."""
    return raised((await run_many_async(client, [call]))[0])


async def run_many_async(client: AsyncClient, calls: Sequence[Call]) -> list[Answer | Exception]:
    """As `run_many`, awaited."""
    return await driven_async(client, running(calls), None)


async def driven_async(client: AsyncClient, steps: Steps[T], replies: Sequence[Reply] | None) -> T:
    """As `driven`, awaited."""
    while True:
        try:
            step = steps.send(replies)
        except StopIteration as end:
            result: T = end.value
            return result
        match step:
            case Send(commands):
                replies = await client.execute_all(commands)
            case Pause(seconds):
                await asyncio.sleep(seconds)
                replies = []


def raised(answer: T | Exception) -> T:
    """The answer, unless it is an error, which is raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer
