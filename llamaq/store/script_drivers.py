"""Runs scripts: does the steps of `script_runs` over a client, blocking or in asyncio."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from llamaq.store.answers import Answer
from llamaq.store.clock import SYSTEM
from llamaq.store.redis_client import AsyncClient, Client
from llamaq.store.script_runs import Call, Pause, Reply, Send, Steps, run_steps

T = TypeVar("T")


def run(client: Client, call: Call) -> Answer:
    """Run a script.

    Raises:
        RedisError: it failed, or Redis does not answer.
        VersionMismatch: the fleet runs another version, and the two do not fit together.
    """
    return unwrap(run_many(client, [call])[0])


def run_many(client: Client, calls: Sequence[Call]) -> list[Answer | Exception]:
    """Run scripts in one round trip. A script that failed has its error in the list."""
    return drive_steps(client, run_steps(calls), None)


def drive_steps(client: Client, steps: Steps[T], replies: Sequence[Reply] | None) -> T:
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
    return unwrap((await run_many_async(client, [call]))[0])


async def run_many_async(client: AsyncClient, calls: Sequence[Call]) -> list[Answer | Exception]:
    """As `run_many`, awaited."""
    return await drive_steps_async(client, run_steps(calls), None)


async def drive_steps_async(client: AsyncClient, steps: Steps[T], replies: Sequence[Reply] | None) -> T:
    """As `drive_steps`, awaited."""
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


def unwrap(answer: T | Exception) -> T:
    """Unwrap an answer; an error is raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer
