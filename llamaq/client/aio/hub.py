"""The one subscription connection of all readers of an asyncio queue in one event loop: a task reads it.

The task begins with the first reader, and ends soon after the last one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any
from weakref import WeakSet

from llamaq.client.aio.timed_event import TimedEvent
from llamaq.client.subscriptions import (
    LINGER_SECONDS,
    SUSPICION_SECONDS,
    Channels,
    Inbox,
    Item,
    Suspicion,
    closed_error,
    max_reads,
    read_buffered,
    return_reply,
    set_message_handler,
)
from llamaq.settings.producer import Settings
from llamaq.store.connections import deadline
from llamaq.store.connections.aio_client import call_on_data
from llamaq.store.connections.packing import pack_commands
from llamaq.store.log_follower import LogEntry
from llamaq.store.redis_client import AsyncClient, AsyncPubSub

LEAVE_SECONDS = 0.05
"""How long a channel may stay subscribed without a reader. Where one is subscribed meanwhile, both are one write."""


class TaskInbox(Inbox):
    """The inbox of a reader in a task."""

    def __init__(self, channel: str, *, ends_only: bool = False) -> None:
        super().__init__(channel, ends_only=ends_only)
        self._items: deque[Item] = deque()
        self._woken = TimedEvent()
        self._take: Callable[[LogEntry], bool] | None = None

    async def receive(self, seconds: float, take: Callable[[LogEntry], bool] | None = None) -> LogEntry | None:
        """The next entry; None after so many seconds without one. Raises the error of a lost connection.

        While it waits, an entry that `take` returns True for is done with, and the reader sleeps on.
        """
        if not self._items:
            self._woken.clear()
            self._take = take
            try:
                await self._woken.wait(seconds)
            finally:
                self._take = None
        return self._unwrap(self._items.popleft()) if self._items else None

    @property
    def has_entry(self) -> bool:
        """Whether `receive` returns at once, and with an entry."""
        return bool(self._items) and not isinstance(self._items[0], Exception)

    def close(self) -> None:
        """Its reader takes nothing more."""
        self._woken.close()

    def give(self, entry: LogEntry) -> None:
        """Put an entry into it, unless the `take` that was given to `receive` takes it."""
        if self._take and not self._items and self._take(entry):
            self._woken.restart_wait()
        else:
            super().give(entry)

    def _put(self, item: Item) -> None:
        self._items.append(item)
        self._woken.set()

    def _count(self) -> int:
        return len(self._items)

    def _drain(self) -> list[Item]:
        dropped = list(self._items)
        self._items.clear()
        return dropped


class AsyncHub:
    """Subscribes for any number of readers in tasks of one loop."""

    def __init__(self, client: Callable[[], AsyncClient], settings: Settings) -> None:
        """Make it, in its loop; nothing connects, and no task begins, before the first reader."""
        self._client = client
        self._call_seconds = settings.call_seconds
        self._loop = asyncio.get_running_loop()
        self._channels = Channels()
        self._suspicion = Suspicion()
        self._notices: deque[list[Any]] = deque()
        self._woken = TimedEvent()
        self._task: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._reads = asyncio.Semaphore(max_reads(settings))

    def subscribe(self, channel: str, seconds: float, *, ends_only: bool = False) -> "Subscription":
        """Subscribe a reader, for this block. Redis has so many seconds to confirm.

        With `ends_only`, nothing but the last event of the job comes.

        Raises:
            redis.RedisError: it does not confirm, or there is no connection.
        """
        return Subscription(self, TaskInbox(channel, ends_only=ends_only), seconds)

    async def attach(self, inbox: TaskInbox, seconds: float) -> None:
        """Subscribe a reader. Raises as `subscribe`."""
        self._add(inbox)
        if await inbox.receive(min(seconds, deadline.seconds_left())) is None:
            self.suspect()
            raise deadline.timeout_error(seconds)

    def detach(self, inbox: TaskInbox) -> None:
        """Forget a reader."""
        self._channels.remove(inbox)
        inbox.close()
        if self._leaving is None:
            self._leaving = self._loop.call_later(LEAVE_SECONDS, self._leave)

    def take_turn(self) -> asyncio.Semaphore:
        """Take a turn to ask Redis, for this block."""
        return self._reads

    def suspect(self) -> None:
        """Give the connection up if nothing comes over it now: a reader has missed an entry."""
        self._suspicion.begin(self._loop.time(), SUSPICION_SECONDS)
        self._woken.set()

    async def aclose(self) -> None:
        """End the task and its connection. Readers that still wait raise `StreamError`."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.wait([task])

    def _leave(self) -> None:
        self._leaving = None
        self._woken.set()

    def _add(self, inbox: TaskInbox) -> None:
        self._channels.add(inbox)
        self._woken.set()
        if self._task is None or self._task.done():
            # In an empty context, because that of a reader has its limit.
            self._task = self._loop.create_task(self._run(), name="llamaq-subscriptions", context=Context())

    # --- in the task

    async def _run(self) -> None:
        try:
            while await self._wait_for_reader():
                try:
                    async with self._client().pubsub() as pubsub:
                        await self._serve(pubsub)
                except Exception as error:  # noqa: BLE001 - each reader raises it, in its own task
                    self._channels.fail(error)
        finally:
            self._woken.close()
            self._channels.fail(closed_error())  # it was cancelled by `aclose`, or with the loop

    async def _wait_for_reader(self) -> bool:
        """Wait for a reader; False when none has come for a while."""
        ends_at = self._loop.time() + LINGER_SECONDS
        while not self._channels and (left := ends_at - self._loop.time()) > 0:
            await self._woken.wait(left)
        return bool(self._channels)

    async def _serve(self, pubsub: AsyncPubSub) -> None:
        """Read one connection. Returns when it has had no reader for a while.

        Raises:
            redis.RedisError: it is lost.
        """
        self._channels.reset()
        self._notices.clear()
        self._suspicion = Suspicion()
        commands = self._take_changes()
        if not commands:
            return
        async with deadline.time_limit_async(self._call_seconds):
            for command in commands:  # this connects
                await pubsub.execute_command(*command)
        set_message_handler(pubsub.connection, _return_reply)
        reading = self._loop.create_task(self._read(pubsub.connection))
        reading.add_done_callback(lambda _: self._woken.set())
        try:
            await self._follow(pubsub.connection, reading)
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _follow(self, connection: Any, reading: "asyncio.Task[None]") -> None:
        """Send what changes, until the reading ends, or there is no reader."""
        idle_at: float | None = None
        while not reading.done():
            ends = [at for at in (idle_at, self._suspicion.ends_at) if at is not None]
            await self._woken.wait(min(ends) - self._loop.time() if ends else None)
            while self._notices:  # of the server, which redis-py acts on
                await connection._parser.handle_push_response(self._notices.popleft())  # noqa: SLF001 - as in `read_buffered`
            if commands := self._take_changes():
                async with deadline.time_limit_async(self._call_seconds):
                    await connection.send_packed_command(pack_commands(connection, commands), check_health=False)
            now = self._loop.time()
            self._suspicion.check(now)
            idle_at = None if self._channels else (idle_at or now + LINGER_SECONDS)
            if idle_at is not None and now >= idle_at:
                return
        reading.result()

    def _take_changes(self) -> list[tuple[str, ...]]:
        commands = self._channels.take_changes()
        if commands and self._channels.has_unconfirmed:
            self._suspicion.begin(self._loop.time(), self._call_seconds / 3)
        return commands

    async def _read(self, connection: Any) -> None:
        call_on_data(connection, lambda: self._take(connection))
        while True:
            self._channels.take(await connection.read_response(disconnect_on_error=False, push_request=True))
            self._take(connection)

    def _take(self, connection: Any) -> None:
        for reply in read_buffered(connection):
            if not self._channels.take(reply):
                self._notices.append(reply)
                self._woken.set()
        if self._suspicion.ends_at is not None:
            seconds = self._call_seconds / 3 if self._channels.has_unconfirmed else None
            self._suspicion.note_message(self._loop.time(), seconds)


class Subscription:
    """The context manager of `AsyncHub.subscribe`.

    A loop that ends closes every generator, one made for a context manager as well. In Python 3.13.0 the block would
    raise an error then, which asyncio reports.
    """

    __slots__ = ("_hub", "_inbox", "_seconds")

    def __init__(self, hub: AsyncHub, inbox: TaskInbox, seconds: float) -> None:
        self._hub, self._inbox, self._seconds = hub, inbox, seconds

    async def __aenter__(self) -> TaskInbox:
        try:
            await self._hub.attach(self._inbox, self._seconds)
        except BaseException:
            self._hub.detach(self._inbox)
            raise
        return self._inbox

    async def __aexit__(self, *_: object) -> None:
        self._hub.detach(self._inbox)


async def _return_reply(reply: object) -> object:
    return return_reply(reply)


class HubsOfLoops:
    """The hub of each event loop, because a connection works only in the loop that made it."""

    def __init__(self, client: Callable[[], AsyncClient], settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._hubs: dict[asyncio.AbstractEventLoop, AsyncHub] = {}
        self._closed: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called in the running loop."""
        return asyncio.get_running_loop() in self._closed

    def current(self) -> AsyncHub:
        """The hub of the running loop, made at its first use there."""
        loop = asyncio.get_running_loop()
        hub = self._hubs.get(loop)
        if hub is None:
            for other in [other for other in list(self._hubs) if other.is_closed()]:
                self._hubs.pop(other, None)
            hub = self._hubs.setdefault(loop, AsyncHub(self._client, self._settings))
        return hub

    async def aclose(self) -> None:
        """End the hub of the running loop, where there is one."""
        self._closed.add(asyncio.get_running_loop())
        hub = self._hubs.get(asyncio.get_running_loop())
        if hub:
            await hub.aclose()
