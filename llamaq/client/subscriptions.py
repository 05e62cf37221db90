"""What a hub keeps, without any I/O: the readers of each channel, and what is subscribed on the current connection.

A hub is the one subscription connection of all readers of a queue object. `aio/hub.py` and `blocking/hub.py` drive it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import redis

from llamaq.settings.producer import Settings
from llamaq.store.log_follower import RESUBSCRIBED, LogEntry, is_end
from llamaq.vocabulary.errors import StreamError

MOST_ENTRIES = 1000
MOST_CHARACTERS = 4_000_000
"""What may wait for one reader. Beyond, it is dropped, and the reader reads the log again."""
LINGER_SECONDS = 2.0
"""How long the connection stays open without a reader."""
SUSPICION_SECONDS = 1.0
"""After a reader has missed an entry: a connection over which nothing comes in this time is given up."""
MOST_READS = 16
"""Readers that read logs at a time; the others wait. So thousands of readers need few connections."""

Item = LogEntry | Exception
Reply = TypeVar("Reply")


class Inbox(ABC):
    """What was published for one reader, which has not taken it yet. The hub alone puts into it.

    Attributes:
        channel: of the log.
        ends_only: its reader waits for the end of the job alone: no other entry is put into it, or wakes the reader.
    """

    def __init__(self, channel: str, *, ends_only: bool = False) -> None:
        self.channel = channel
        self.ends_only = ends_only
        # Each of the two is changed by one side alone, so no lock is needed.
        self._put_characters = 0
        self._taken_characters = 0
        self._behind = False

    def give(self, entry: LogEntry) -> None:
        """Put an entry into it; where it is full, empty it, so that the reader reads the log again."""
        if self._behind or (self.ends_only and not is_end(entry[1])):
            return  # where it is behind, it has not begun to read the log yet, which has this entry
        size = len(entry[1])
        waiting = self._put_characters - self._taken_characters
        if self._count() >= MOST_ENTRIES or (waiting and waiting + size > MOST_CHARACTERS):
            self.read_again()
        else:
            self._put_characters += size
            self._put(entry)

    def read_again(self) -> None:
        """Empty it, and let the reader read the log: a subscription was confirmed, or entries were dropped."""
        self._behind = True
        self._clear()
        self._put(RESUBSCRIBED)

    def fail(self, error: Exception) -> None:
        """Empty it, and let the reader raise the error. Nothing is given to it any more."""
        self._behind = True
        self._clear()
        self._put(error)

    @property
    def has_entry(self) -> bool:
        """Whether `receive` is known to return at once, and with an entry."""
        return False

    def _unwrap(self, item: Item) -> LogEntry:
        """The entry of an item that the reader takes; an error is raised."""
        if isinstance(item, Exception):
            raise item
        if item == RESUBSCRIBED:
            self._behind = False
        else:
            self._taken_characters += len(item[1])
        return item

    def _clear(self) -> None:
        for item in self._drain():
            if not isinstance(item, Exception):
                self._put_characters -= len(item[1])

    @abstractmethod
    def _put(self, item: Item) -> None: ...

    @abstractmethod
    def _count(self) -> int: ...

    @abstractmethod
    def _drain(self) -> list[Item]:
        """Take all that is in it."""


class Channels:
    """The channels of one hub. Its caller holds the lock where there are threads."""

    def __init__(self) -> None:
        # Tuples, because a reader may be collected, and so removed, while the hub goes through them.
        self._readers: dict[str, tuple[Inbox, ...]] = {}
        self._asked: set[str] = set()
        self._confirmed: set[str] = set()
        self._changed: dict[str, None] = {}

    def __bool__(self) -> bool:
        """Whether there is a reader."""
        return bool(self._readers)

    @property
    def has_unconfirmed(self) -> bool:
        """Whether Redis has not confirmed each subscription yet."""
        return len(self._confirmed) < len(self._asked)

    def add(self, inbox: Inbox) -> bool:
        """Add a reader. The first thing in its inbox says that it is subscribed, and may read the log.

        Returns:
            whether there is a change to send.
        """
        self._readers[inbox.channel] = (*self._readers.get(inbox.channel, ()), inbox)
        if inbox.channel in self._confirmed:
            inbox.read_again()
            return False
        self._changed[inbox.channel] = None
        return True

    def remove(self, inbox: Inbox) -> None:
        """Remove a reader, if it is there."""
        left = tuple(other for other in self._readers.get(inbox.channel, ()) if other is not inbox)
        if left:
            self._readers[inbox.channel] = left
        elif self._readers.pop(inbox.channel, None):
            self._changed[inbox.channel] = None

    def take_changes(self) -> list[tuple[str, ...]]:
        """Take the commands that make the subscriptions those of the readers."""
        changed, self._changed = self._changed, {}
        new = [channel for channel in changed if channel in self._readers and channel not in self._asked]
        left = [channel for channel in changed if channel not in self._readers and channel in self._asked]
        self._asked.update(new)
        self._asked.difference_update(left)
        self._confirmed.difference_update(left)
        commands = [("SUBSCRIBE", *new), ("UNSUBSCRIBE", *left)]
        return [command for command in commands if len(command) > 1]

    def reset(self) -> None:
        """Begin anew, with a new connection, which has no subscription."""
        self._asked.clear()
        self._confirmed.clear()
        self._changed = dict.fromkeys(self._readers)

    def take(self, reply: object) -> bool:
        """Hand what came over the connection to its readers; False where it is about no channel of the hub."""
        match reply:
            case ["message", str(channel), str(data)]:
                cursor, _, payload = data.partition(" ")
                entry = cursor, payload
                for inbox in self._readers.get(channel, ()):
                    inbox.give(entry)
                return True
            case ["subscribe", str(channel), _] if channel in self._asked:
                self._confirmed.add(channel)
                for inbox in self._readers.get(channel, ()):
                    inbox.read_again()
                return True
            case ["unsubscribe", *_]:
                return True
        return False

    def fail(self, error: Exception) -> None:
        """Let every reader raise the error, and forget it."""
        readers, self._readers = self._readers, {}
        self._changed = {}
        for inboxes in readers.values():
            for inbox in inboxes:
                inbox.fail(error)


class Suspicion:
    """Whether a connection is dead, although nothing has closed it."""

    def __init__(self) -> None:
        self.ends_at: float | None = None

    def begin(self, now: float, seconds: float) -> None:
        """Something must come within so many seconds."""
        self.ends_at = now + seconds if self.ends_at is None else min(self.ends_at, now + seconds)

    def note_message(self, now: float, seconds: float | None) -> None:
        """Note that something has come. The next thing must come within so many seconds; None where nothing need."""
        self.ends_at = None if seconds is None else now + seconds

    def check(self, now: float) -> None:
        """Raise `redis.ConnectionError` where the time is over."""
        if self.ends_at is not None and now >= self.ends_at:
            raise redis.ConnectionError("nothing came over the subscription")


def max_reads(settings: Settings) -> int:
    """How many readers may ask Redis at a time. The hub itself has one connection."""
    return max(1, min(MOST_READS, settings.max_connections - 1))


def return_reply(reply: Reply) -> Reply:
    """Handle a published message for redis-py, whose own handler logs each of them."""
    return reply


def set_message_handler(connection: Any, handler: Callable[[Any], object]) -> None:
    """Let the parser of a connection hand a published message to `handler`. Those of older redis-py write no log."""
    handled_by = getattr(connection._parser, "set_pubsub_push_handler", None)  # noqa: SLF001 - redis-py has no other way
    if handled_by is not None:
        handled_by(handler)


def read_buffered(connection: Any) -> Iterator[list[Any]]:
    """Read the replies whose bytes the parser of a connection has. `read_response` takes several times as long."""
    gets = getattr(getattr(connection._parser, "_reader", None), "gets", lambda: None)  # noqa: SLF001 - hiredis alone has it
    while isinstance(reply := gets(), list):
        yield reply
    if isinstance(reply, Exception):
        raise reply


def closed_error() -> StreamError:
    """The error of a reader whose queue is closed."""
    return StreamError("the queue is closed, so its readers end: read to the end before you close it")
