"""Connections to the master that Redis Sentinel names.

The Sentinels are asked at each connecting, and as `master_connections` says.
"""

import asyncio
import threading
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.sentinel import SentinelConnectionPool

from llamaq.store.clock import SYSTEM
from llamaq.store.connections.address import Address
from llamaq.store.connections.aio_sockets import AsyncPlain
from llamaq.store.connections.connection_options import async_options, blocking_options
from llamaq.store.connections.deadline import cap_seconds, timeout_error
from llamaq.store.connections.master_connections import AsyncMasterConnection, AsyncTlsMasterConnection
from llamaq.store.connections.sentinel_answers import Place, Sentinel, SentinelAnswers, ask_seconds
from llamaq.store.connections.sockets import PlainConnection, Pool, TlsConnection
from llamaq.store.connections.tls_handshake import AsyncTls


class Sentinels:
    """The Sentinels of an address. Threads that wait while others are asked share the answer to the next question.

    The answer to the question that they wait for may be older than what they ask about.
    """

    def __init__(self, target: Address, try_seconds: float) -> None:
        seconds = ask_seconds(target, try_seconds)
        self._wait_seconds = try_seconds
        self._asking = threading.Lock()
        self._questions = 0
        self._last: Place | None = None

        def client(place: Place, account: dict[str, Any]) -> redis.Redis:
            given = {
                **blocking_options(target, seconds),
                **account,
                "host": place[0].strip("[]"),
                "port": place[1],
                "db": 0,
            }
            kind = TlsConnection if target.tls else PlainConnection
            return redis.Redis.from_pool(Pool(connection_class=kind, **given))

        self._sentinels = [Sentinel(place, target, client) for place in target.servers]

    def discover_master(self, name: str) -> Place:
        """Host and port of the master. Called by redis-py for each connection.

        Raises:
            WrongSentinels: another try is of no use.
            MasterNotFoundError: no Sentinel answers with one.
            redis.TimeoutError: another thread asks, and there is no time to wait for it.
        """
        before, seconds = self._questions, cap_seconds(self._wait_seconds) or 0.0
        if not self._asking.acquire(timeout=seconds):
            raise timeout_error(seconds)
        try:
            if self._questions == before or self._last is None:
                self._questions, self._last = self._questions + 1, None
                self._last = self._find_master(name)
            return self._last
        finally:
            self._asking.release()

    def reset_lock(self) -> None:
        """Go on in a forked process: a thread that is not there may have been asking."""
        self._asking = threading.Lock()

    def close(self) -> None:
        """Close the connections; the next question opens them again."""
        for sentinel in self._sentinels:
            sentinel.client.close()

    def _find_master(self, name: str) -> Place:
        answers, now = SentinelAnswers(name, len(self._sentinels)), SYSTEM.monotonic()
        for sentinel in answers.next_sentinels(self._sentinels, now):
            error = self._ask(sentinel, answers)
            if error is not None and sentinel.switch_account(error):
                error = self._ask(sentinel, answers)
            if error is not None:
                answers.note_failure(sentinel, error, now)
        return answers.choose_master()

    @staticmethod
    def _ask(sentinel: Sentinel, answers: SentinelAnswers) -> Exception | None:
        try:
            answers.note_answer(sentinel, sentinel.client.sentinel_masters())
        except (redis.RedisError, OSError) as error:
            return error
        return None


class AsyncSentinels:
    """As `Sentinels`, for asyncio."""

    def __init__(self, target: Address, try_seconds: float) -> None:
        self._seconds = ask_seconds(target, try_seconds)
        self._asking = asyncio.Lock()
        self._questions = 0
        self._last: Place | None = None

        def client(place: Place, account: dict[str, Any]) -> redis.asyncio.Redis:
            given = {**async_options(target), **account, "host": place[0].strip("[]"), "port": place[1], "db": 0}
            kind = AsyncTls if target.tls else AsyncPlain
            return redis.asyncio.Redis.from_pool(redis.asyncio.ConnectionPool(connection_class=kind, **given))

        self._sentinels = [Sentinel(place, target, client) for place in target.servers]

    async def discover_master(self, name: str) -> Place:
        """As `Sentinels.discover_master`, awaited."""
        before = self._questions
        async with self._asking:
            if self._questions == before or self._last is None:
                self._questions, self._last = self._questions + 1, None
                self._last = await self._find_master(name)
            return self._last

    async def _find_master(self, name: str) -> Place:
        answers, now = SentinelAnswers(name, len(self._sentinels)), SYSTEM.monotonic()
        for sentinel in answers.next_sentinels(self._sentinels, now):
            error = await self._ask(sentinel, answers)
            if error is not None and sentinel.switch_account(error):
                error = await self._ask(sentinel, answers)
            if error is not None:
                answers.note_failure(sentinel, error, now)
        return answers.choose_master()

    async def _ask(self, sentinel: Sentinel, answers: SentinelAnswers) -> Exception | None:
        try:
            async with asyncio.timeout(self._seconds):
                answers.note_answer(sentinel, await sentinel.client.sentinel_masters())
        except TimeoutError:
            return timeout_error(self._seconds)
        except (redis.RedisError, OSError) as error:
            return error
        return None

    async def aclose(self) -> None:
        """Close the connections; the next question opens them again."""
        for sentinel in self._sentinels:
            await sentinel.client.aclose()


class MasterPool(Pool, SentinelConnectionPool):
    """Connections to the master of an address."""

    def __init__(self, target: Address, try_seconds: float, **given: Any) -> None:
        super().__init__(target.master, Sentinels(target, try_seconds), **given)  # type: ignore[no-untyped-call]  # redis-py's has no types

    def reset(self) -> None:
        """As of `Pool`."""
        if hasattr(self, "sentinel_manager"):  # not yet as it is made
            self.sentinel_manager.reset_lock()
        super().reset()

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Close the connections; with those in use, those to the Sentinels too."""
        super().disconnect(inuse_connections)
        if inuse_connections:
            self.sentinel_manager.close()


class AsyncMasterPool(AsyncSentinelPool):
    """As `MasterPool`, for asyncio."""

    def __init__(self, target: Address, try_seconds: float, **given: Any) -> None:
        kind = AsyncTlsMasterConnection if target.tls else AsyncMasterConnection
        super().__init__(target.master, AsyncSentinels(target, try_seconds), connection_class=kind, **given)  # type: ignore[no-untyped-call]  # redis-py's has no types

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """As `MasterPool.disconnect`."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            await self.sentinel_manager.aclose()
