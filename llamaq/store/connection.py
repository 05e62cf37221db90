"""Clients of Redis, running scripts with them, and the errors of Redis as a producer gets them."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import cast
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from llamaq.store.answers import Answer
from llamaq.store.clock import SYSTEM
from llamaq.store.redis_client import AsyncClient, BinaryClient, Client
from llamaq.store.script_runs import Call, Command, Pause, Reply, Send, running
from llamaq.vocabulary.errors import BrokerUnavailable, InvalidRequest

CONNECT_TIMEOUT_SECONDS = 5
ANSWER_TIMEOUT_SECONDS = 15
_RETRIES = 3
USABLE_URL = "must look like redis://host:port/0, or rediss:// for TLS; percent-encode odd characters of a password"


def connect(url: str, *, retries: int = _RETRIES, timeout_seconds: float = ANSWER_TIMEOUT_SECONDS) -> Client:
    """A pooled client. It connects on first use, and again after a lost connection: every script may be sent twice."""
    return cast("Client", _client(url, retries, timeout_seconds, decode_responses=True))  # see redis_client.py


def connect_binary(url: str) -> BinaryClient:
    """A client as of `connect` that reads bytes."""
    return cast("BinaryClient", _client(url, _RETRIES, ANSWER_TIMEOUT_SECONDS, decode_responses=False))


def _client(url: str, retries: int, timeout_seconds: float, *, decode_responses: bool) -> redis.Redis:
    return redis.Redis.from_url(
        checked_url(url),
        decode_responses=decode_responses,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=timeout_seconds,
        health_check_interval=30,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), retries),
    )


def connect_async(url: str) -> AsyncClient:
    """A client as of `connect` for asyncio."""
    retry = AsyncRetry(ExponentialWithJitterBackoff(cap=1, base=0.05), _RETRIES)
    client = redis.asyncio.Redis.from_url(
        checked_url(url),
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        # With a timeout, redis-py sends inside asyncio.wait_for, which on Python 3.11 can swallow a cancel.
        socket_timeout=None,
        socket_keepalive=True,
        health_check_interval=30,
        retry=retry,
    )
    return cast("AsyncClient", client)


def run(client: Client, call: Call) -> Answer:
    """Run a script.

    Raises:
        RedisError: it failed, or Redis does not answer.
        VersionMismatch: the fleet runs another version, and the two do not fit together.
    """
    return raised(run_many(client, [call])[0])


def run_many(client: Client, calls: Sequence[Call]) -> list[Answer | Exception]:
    """Run scripts in one round trip. A script that failed has its error in the list."""
    steps = running(calls)
    replies: list[Reply] | None = None
    while True:
        try:
            step = steps.send(replies)
        except StopIteration as end:
            return list(end.value)
        match step:
            case Send(commands):
                replies = _send(client, commands)
            case Pause(seconds):
                SYSTEM.sleep(seconds)
                replies = []


async def run_async(client: AsyncClient, call: Call) -> Answer:
    """As `run`, awaited."""
    return raised((await run_many_async(client, [call]))[0])


async def run_many_async(client: AsyncClient, calls: Sequence[Call]) -> list[Answer | Exception]:
    """As `run_many`, awaited."""
    steps = running(calls)
    replies: list[Reply] | None = None
    while True:
        try:
            step = steps.send(replies)
        except StopIteration as end:
            return list(end.value)
        match step:
            case Send(commands):
                async with _answer_timeout():
                    replies = await _send_async(client, commands)
            case Pause(seconds):
                await asyncio.sleep(seconds)
                replies = []


def _send(client: Client, commands: Sequence[Command]) -> list[Reply]:
    if len(commands) == 1:  # a pipeline of one costs more than the command
        try:
            return [client.execute_command(*commands[0])]
        except ResponseError as error:
            return [error]
    with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        return pipe.execute(raise_on_error=False)


async def _send_async(client: AsyncClient, commands: Sequence[Command]) -> list[Reply]:
    if len(commands) == 1:
        try:
            return [await client.execute_command(*commands[0])]
        except ResponseError as error:
            return [error]
    async with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        return await pipe.execute(raise_on_error=False)


def raised(answer: Answer | Exception) -> Answer:
    """The answer, unless it is an error, which is raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer


@asynccontextmanager
async def _answer_timeout() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            yield
    except TimeoutError as error:
        raise redis.TimeoutError(f"no answer within {ANSWER_TIMEOUT_SECONDS} s") from error


def is_refusal(error: Exception) -> bool:
    """Whether Redis refused the call itself, so that it would fail each time; else the cause is a state that passes.

    States have a code of their own (OOM, READONLY, MISCONF, LOADING ...), also within the error of a script, where
    Redis 6.2 puts a dash before it.
    """
    code = re.search(r"(?:^|-)([A-Z]{3,})\b", str(error))
    return type(error) is ResponseError and (code is None or code[1] in {"ERR", "WRONGTYPE"})


def checked_url(url: str) -> str:
    """The URL, if it can be one of a Redis.

    Raises:
        InvalidRequest: it cannot. The message does not quote it, because it may have a password in an odd place.
    """
    try:
        parts = urlsplit(url)
        database = parts.path.strip("/") or "0"
        usable = parts.scheme in {"redis", "rediss"} and parts.port != 0 and database.isdecimal()
    except ValueError:
        usable = False
    if not usable:
        raise InvalidRequest.of("url", USABLE_URL)
    return url


def address(url: str) -> str:
    """The URL without its password, fit for a message."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn the errors of redis-py into one that names the remedy.

    Raises:
        BrokerUnavailable: Redis did not answer, or refused.
    """
    try:
        yield
    except TimeoutError:  # the caller's own timeout: redis-py raises another class
        raise
    except (RedisError, OSError) as error:
        raise BrokerUnavailable(f"Redis at {address(url)}: {_remedy(error)}") from error


def _remedy(error: Exception) -> str:
    text = str(error)
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        return f"{text}; look at the user and password in LLAMAQ_REDIS_URL, and at the ACL"
    if "OOM" in text or "used memory" in text:  # hiredis leaves the code OOM out
        return f"it is out of memory ({text}); give it more, or let results expire sooner (LLAMAQ_RESULT_TTL)"
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
        return f"no answer ({text or type(error).__name__}); is it running there? The address is LLAMAQ_REDIS_URL"
    return text
