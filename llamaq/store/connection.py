"""Redis: how it is reached, how a script is run, and what its errors mean to a producer."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from llamaq.store import script_loading
from llamaq.store.scripts import Script
from llamaq.vocabulary.errors import BrokerUnavailable, InvalidRequest

CONNECT_TIMEOUT_SECONDS = 5
ANSWER_TIMEOUT_SECONDS = 15
_RETRIES = 3
USABLE_URL = "must look like redis://host:port/0, or rediss:// for TLS; percent-encode odd characters of a password"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a script, before anyone has sent it: the sync and the async client send the same."""

    script: Script
    args: Sequence[str | bytes | int | float]
    keys: Sequence[str] = ()

    @property
    def command(self) -> list[Any]:
        """What EVALSHA takes."""
        return [self.script.sha, len(self.keys), *self.keys, *self.args]


# redis-py types each answer as every answer that some setting could bring, so a typed client would need a cast at each
# call; the scripts' headers are what tells.
Client = Any


def connect(
    url: str, *, binary: bool = False, retries: int = _RETRIES, timeout_seconds: float = ANSWER_TIMEOUT_SECONDS
) -> Client:
    """A pooled client. It connects on first use; a lost connection is made again: every script may be sent twice."""
    retry = Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), retries)
    return redis.Redis.from_url(
        checked_url(url),
        decode_responses=not binary,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=timeout_seconds,
        health_check_interval=30,
        retry=retry,
    )


def connect_async(url: str) -> Client:
    """The same for asyncio."""
    retry = AsyncRetry(ExponentialWithJitterBackoff(cap=1, base=0.05), _RETRIES)
    return redis.asyncio.Redis.from_url(
        checked_url(url),
        decode_responses=True,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        # With a timeout of its own redis-py sends inside asyncio.wait_for, which on Python 3.11 can swallow a cancel.
        socket_timeout=None,
        socket_keepalive=True,
        health_check_interval=30,
        retry=retry,
    )


def run(client: Client, call: Call) -> Any:
    """Run a script; Redis forgets its scripts at a restart, so one it does not know is loaded and run again."""
    try:
        return client.evalsha(*call.command)
    except NoScriptError:
        script_loading.load(client, call.script)
        return client.evalsha(*call.command)


async def run_async(client: Client, call: Call) -> Any:
    """The same for asyncio."""
    async with _patience():
        try:
            return await client.evalsha(*call.command)
        except NoScriptError:
            await script_loading.load_async(client, call.script)
            return await client.evalsha(*call.command)


@asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            yield
    except TimeoutError as error:
        raise redis.TimeoutError(f"no answer within {ANSWER_TIMEOUT_SECONDS} s") from error


def run_many(client: Client, calls: Sequence[Call]) -> list[Any]:
    """Run scripts in one round trip; an answer that is an error stands in the list as that error."""
    answers = _pipelined(client, calls)
    unknown = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if unknown:
        for script in {calls[index].script for index in unknown}:
            script_loading.load(client, script)
        for index, answer in zip(unknown, _pipelined(client, [calls[index] for index in unknown]), strict=True):
            answers[index] = answer
    return answers


async def run_many_async(client: Client, calls: Sequence[Call]) -> list[Any]:
    """The same for asyncio."""
    async with _patience():
        answers = await _pipelined_async(client, calls)
    unknown = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if unknown:
        for script in {calls[index].script for index in unknown}:
            await script_loading.load_async(client, script)
        again = await _pipelined_async(client, [calls[index] for index in unknown])
        for index, answer in zip(unknown, again, strict=True):
            answers[index] = answer
    return answers


async def _pipelined_async(client: Client, calls: Sequence[Call]) -> list[Any]:
    async with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(*call.command)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers


def _pipelined(client: Client, calls: Sequence[Call]) -> list[Any]:
    with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(*call.command)
        answers: list[Any] = pipe.execute(raise_on_error=False)
        return answers


def checked_url(url: str) -> str:
    """The URL, where it can be one of a Redis.

    Raises:
        InvalidRequest: it cannot. The message does not quote it: it may hold a password, split in an odd place.
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
    """Turn what redis-py raises into one error that says what to do.

    Raises:
        BrokerUnavailable: Redis did not answer, or refused.
    """
    try:
        yield
    except TimeoutError:  # the caller's own patience, not Redis: redis-py has a class of its own
        raise
    except (RedisError, OSError) as error:
        raise BrokerUnavailable(f"Redis at {address(url)}: {_remedy(error)}") from error


def _remedy(error: Exception) -> str:
    text = str(error)
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        return f"{text}; look at the user and password in LLAMAQ_REDIS_URL, and at the ACL"
    if "OOM" in text or "used memory" in text:  # hiredis leaves the code out of the text
        return f"it is out of memory ({text}); give it more, or let results expire sooner (LLAMAQ_RESULT_TTL)"
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
        return f"no answer ({text or type(error).__name__}); is it running there? The address is LLAMAQ_REDIS_URL"
    return text
