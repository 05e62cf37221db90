"""The one subscription connection of all readers of a blocking queue: a thread reads it, and hands on what comes.

The thread alone uses the connection, because a TLS connection is not for two threads. Readers wake it over a pair of
sockets. It begins with the first reader, and ends soon after the last one.
"""

import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any

from llamaq.client.blocking.interruptible import Turns, next_item, wait_for_input
from llamaq.client.subscriptions import (
    LINGER_SECONDS,
    SUSPICION_SECONDS,
    Channels,
    Inbox,
    Item,
    Suspicion,
    closed_error,
    max_reads,
    return_reply,
    set_message_handler,
)
from llamaq.settings.producer import Settings
from llamaq.store.clock import SYSTEM
from llamaq.store.connections import deadline
from llamaq.store.log_follower import LogEntry
from llamaq.store.redis_client import Client, PubSub

CLOSE_SECONDS = 1.0
"""For which `close` waits for the thread."""
MOST_TAKEN = 200
"""Messages in a row; then new readers are looked at."""


class ThreadInbox(Inbox):
    """The inbox of a reader in a thread."""

    def __init__(self, channel: str, *, ends_only: bool = False) -> None:
        super().__init__(channel, ends_only=ends_only)
        self._items: SimpleQueue[Item] = SimpleQueue()

    def receive(self, seconds: float) -> LogEntry | None:
        """The next entry; None after so many seconds without one. Raises the error of a lost connection."""
        try:
            return self._unwrap(next_item(self._items, seconds))
        except Empty:
            return None

    def _put(self, item: Item) -> None:
        self._items.put(item)

    def _count(self) -> int:
        return self._items.qsize()

    def _drain(self) -> list[Item]:
        dropped: list[Item] = []
        while True:
            try:
                dropped.append(self._items.get_nowait())
            except Empty:
                return dropped


class Hub:
    """Subscribes for any number of readers in threads."""

    def __init__(self, client: Callable[[], Client], settings: Settings) -> None:
        """Make it; nothing connects, and no thread begins, before the first reader."""
        self._client = client
        self._call_seconds = settings.call_seconds
        self._channels = Channels()
        self._suspicion = Suspicion()
        # Reentrant, because a reader may be collected, and so leave, in the thread that holds it.
        self._changing = threading.RLock()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._waker: socket.socket | None = None
        self._open: list[Any] = []
        self._turns = Turns(max_reads(settings))
        self.pid = os.getpid()

    @contextmanager
    def subscribe(self, channel: str, seconds: float, *, ends_only: bool = False) -> Iterator[ThreadInbox]:
        """Subscribe a reader, for this block. Redis has so many seconds to confirm.

        With `ends_only`, nothing but the last event of the job comes.

        Raises:
            redis.RedisError: it does not confirm, or there is no connection.
        """
        inbox = ThreadInbox(channel, ends_only=ends_only)
        try:
            self._add(inbox)
            if inbox.receive(min(seconds, deadline.seconds_left())) is None:
                self.suspect()
                raise deadline.timeout_error(seconds)
            yield inbox
        finally:
            self._remove(inbox)

    def take_turn(self) -> AbstractContextManager[None]:
        """Take a turn to ask Redis, for this block.

        Raises:
            redis.TimeoutError: it does not come within the limit that is set.
        """
        return self._turns.take(min(deadline.seconds_left(), self._call_seconds))

    def suspect(self) -> None:
        """Give the connection up if nothing comes over it now: a reader has missed an entry."""
        with self._changing:
            self._suspicion.begin(SYSTEM.monotonic(), SUSPICION_SECONDS)
            self._wake()

    def close(self) -> None:
        """End the thread and its connection. Readers that still wait raise `StreamError`."""
        with self._changing:
            thread, self._ending = self._thread, True
            self._channels.fail(closed_error())
            self._wake()
        if thread and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)

    def abandon(self) -> None:
        """Close what a forked process has of it: the other process goes on with its own."""
        for one in self._open:
            one.close()

    def _add(self, inbox: ThreadInbox) -> None:
        with self._changing:
            self._ending = False
            if self._channels.add(inbox):
                self._wake()
            if self._thread is None:
                woken, waker = socket.socketpair()
                woken.setblocking(False)
                waker.setblocking(False)
                self._open = [woken, waker]
                # In an empty context, because that of a reader has its limit.
                thread = threading.Thread(
                    target=Context().run, args=(self._run, woken), name="llamaq-subscriptions", daemon=True
                )
                thread.start()
                self._thread, self._waker = thread, waker

    def _remove(self, inbox: ThreadInbox) -> None:
        if os.getpid() != self.pid:
            return  # forked: the thread is not here, and it may have held the lock
        with self._changing:
            self._channels.remove(inbox)
            self._wake()

    def _wake(self) -> None:
        if self._waker:
            with suppress(BlockingIOError):  # it is full, so the thread will wake
                self._waker.send(b"x")

    # --- in the thread

    def _run(self, woken: socket.socket) -> None:
        with woken, selectors.DefaultSelector() as selector:
            self._open.append(selector)
            selector.register(woken, selectors.EVENT_READ)
            while self._wait_for_reader(selector):
                try:
                    with self._client().pubsub() as pubsub:
                        self._serve(pubsub, selector)
                except Exception as error:  # noqa: BLE001 - each reader raises it, in its own thread
                    with self._changing:
                        self._channels.fail(error)

    def _wait_for_reader(self, selector: selectors.BaseSelector) -> bool:
        """Wait for a reader; False when the thread is to end."""
        ends_at = SYSTEM.monotonic() + LINGER_SECONDS
        while True:
            with self._changing:
                if self._channels:
                    return True
                left = ends_at - SYSTEM.monotonic()
                if self._ending or left <= 0:
                    waker, self._waker, self._thread = self._waker, None, None
                    if waker:
                        waker.close()
                    return False
            wait_for_input(selector, left)

    def _serve(self, pubsub: PubSub, selector: selectors.BaseSelector) -> None:
        """Read one connection. Returns when it has had no reader for a while.

        Raises:
            redis.RedisError: it is lost.
        """
        with self._changing:
            self._channels.reset()
            self._suspicion = Suspicion()
            commands = self._take_changes()
        if not commands:
            return
        with deadline.time_limit(self._call_seconds):
            pubsub.execute_command(*commands[0])  # this connects
        set_message_handler(pubsub.connection, return_reply)
        plain = pubsub.connection._sock  # noqa: SLF001 - redis-py has no other way to it
        selector.register(plain, selectors.EVENT_READ)
        self._open.append(plain)
        try:
            self._follow(pubsub.connection, selector)
        finally:
            selector.unregister(plain)
            self._open.remove(plain)

    def _follow(self, connection: Any, selector: selectors.BaseSelector) -> None:
        idle_at: float | None = None
        more = False
        while True:
            readable = wait_for_input(selector, 0 if more else self._seconds(idle_at))
            with self._changing:
                commands = self._take_changes()
                idle = not self._channels
            with deadline.time_limit(self._call_seconds):
                for command in commands:
                    connection.send_command(*command, check_health=False)
                more = self._take(connection, readable=readable)
            now = SYSTEM.monotonic()
            idle_at = (idle_at or now + LINGER_SECONDS) if idle else None
            if idle_at is not None and (self._ending or now >= idle_at):
                return

    def _take_changes(self) -> list[tuple[str, ...]]:
        commands = self._channels.take_changes()
        if commands and self._channels.has_unconfirmed:
            self._suspicion.begin(SYSTEM.monotonic(), self._call_seconds / 3)
        return commands

    def _take(self, connection: Any, *, readable: bool) -> bool:
        """Hand on what has come, some of it at a time; whether there may be more.

        All of it is read first: a reader that is woken then finds the interpreter's lock free.
        """
        replies: list[object] = []
        while len(replies) < MOST_TAKEN and ((readable and not replies) or connection.can_read(timeout=0)):
            # A long message that has begun to come may take the time of a call.
            replies.append(connection.read_response(disconnect_on_error=False, push_request=True))
        now = SYSTEM.monotonic()
        with self._changing:
            for reply in replies:
                self._channels.take(reply)
            if replies:
                self._suspicion.note_message(now, self._call_seconds / 3 if self._channels.has_unconfirmed else None)
            self._suspicion.check(now)
        return len(replies) == MOST_TAKEN

    def _seconds(self, idle_at: float | None) -> float | None:
        """How long to wait at most; None without a limit."""
        ends = [at for at in (idle_at, self._suspicion.ends_at) if at is not None]
        return max(min(ends) - SYSTEM.monotonic(), 0.0) if ends else None


class HubOfProcess:
    """The hub of this process: a forked one gets its own. `closed` says whether `close` was called."""

    def __init__(self, client: Callable[[], Client], settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._hubs: dict[int, Hub] = {}
        self.closed = False

    def current(self) -> Hub:
        """The hub, made at its first use here."""
        pid = os.getpid()
        hub = self._hubs.get(pid)
        if hub is None:
            inherited = [other for other in self._hubs.values() if other.pid != pid]
            # One step, without a lock: another thread of the forked process might have held that.
            hub = self._hubs.setdefault(pid, Hub(self._client, self._settings))
            for other in inherited:
                if self._hubs.pop(other.pid, None):
                    other.abandon()
        return hub

    def close(self) -> None:
        """End the hub, where there is one."""
        self.closed = True
        hub = self._hubs.get(os.getpid())
        if hub:
            hub.close()
