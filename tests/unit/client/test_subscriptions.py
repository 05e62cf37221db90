"""What a hub keeps: bounded inboxes, and subscriptions that are those of its readers."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import hiredis
import pytest
import redis

from llamaq.client import subscriptions
from llamaq.client.aio.hub import TaskInbox
from llamaq.client.blocking.hub import ThreadInbox
from llamaq.client.subscriptions import MOST_CHARACTERS, Channels, Inbox, Suspicion, read_buffered
from llamaq.store.log_follower import RESUBSCRIBED, LogEntry

MOST = 20


def thread_inbox(channel: str = "c", *, ends_only: bool = False) -> tuple[Inbox, Callable[[], LogEntry | None]]:
    """An inbox, and what takes from it."""
    inbox = ThreadInbox(channel, ends_only=ends_only)
    return inbox, lambda: inbox.receive(0)


def task_inbox(channel: str = "c", *, ends_only: bool = False) -> tuple[Inbox, Callable[[], LogEntry | None]]:
    """The same for asyncio."""
    inbox = TaskInbox(channel, ends_only=ends_only)
    return inbox, lambda: asyncio.run(inbox.receive(0))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few entries may wait."""
    monkeypatch.setattr(subscriptions, "MOST_ENTRIES", MOST)


both = pytest.mark.parametrize("make", [thread_inbox, task_inbox], ids=["blocking", "asyncio"])
Make = Callable[..., tuple[Inbox, Callable[[], LogEntry | None]]]


def entries(number: int, size: int = 1) -> list[LogEntry]:
    return [(f"{count}-0", "x" * size) for count in range(1, number + 1)]


@both
def test_what_is_given_is_taken_in_order(make: Make) -> None:
    """Up to the limit nothing is dropped, and afterwards there is nothing."""
    inbox, take = make()
    for entry in entries(MOST):
        inbox.give(entry)

    assert [take() for _ in range(MOST)] == entries(MOST)
    assert take() is None


@both
def test_an_inbox_of_ends_gets_no_other_event(make: Make) -> None:
    """Who waits for a result is not woken by each piece of it, and still learns that the log is to be read."""
    inbox, take = make(ends_only=True)
    end = ("9-0", '{"v":1,"type":"completed","attempt":1}')
    inbox.read_again()
    assert take() == RESUBSCRIBED
    for number in range(2 * MOST):
        inbox.give((f"1-{number}", '{"v":1,"type":"delta","attempt":1,"text":"a"}'))
    inbox.give(end)

    assert take() == end
    assert take() is None


@both
@pytest.mark.parametrize(("number", "size"), [(MOST + 1, 1), (3, MOST_CHARACTERS // 2)], ids=["entries", "characters"])
def test_a_full_inbox_is_emptied(make: Make, number: int, size: int) -> None:
    """Its reader is told once to read the log, which has what comes before it does; what comes then is given."""
    inbox, take = make()
    for entry in entries(number, size) + entries(5, size):
        inbox.give(entry)

    assert take() == RESUBSCRIBED
    assert take() is None
    for entry in entries(2, size):
        inbox.give(entry)
    assert [take(), take(), take()] == [*entries(2, size), None]


@both
def test_one_large_entry_is_given(make: Make) -> None:
    """Such as a result that is larger than all that may wait: to read it again would not end."""
    inbox, take = make()
    large = "1-0", "x" * (MOST_CHARACTERS + 1)

    inbox.give(large)

    assert take() == large


@both
def test_an_error_is_raised_instead_of_what_waits(make: Make) -> None:
    """And nothing comes behind it."""
    inbox, take = make()
    inbox.give(("1-0", "x"))
    inbox.fail(redis.ConnectionError("lost"))
    inbox.give(("2-0", "x"))

    with pytest.raises(redis.ConnectionError, match="lost"):
        take()
    assert take() is None


def test_a_channel_is_subscribed_once_and_left_with_its_last_reader() -> None:
    """A second reader of a confirmed channel may read its log at once."""
    channels = Channels()
    (one, take_one), (two, take_two) = thread_inbox(), thread_inbox()

    channels.add(one)
    assert channels.take_changes() == [("SUBSCRIBE", "c")]
    assert take_one() is None
    channels.take(["subscribe", "c", 1])
    channels.add(two)
    assert take_one() == take_two() == RESUBSCRIBED
    channels.take(["message", "c", "1-0 {}"])
    assert take_one() == take_two() == ("1-0", "{}")
    channels.remove(one)
    assert channels.take_changes() == []
    channels.remove(two)
    assert channels.take_changes() == [("UNSUBSCRIBE", "c")]
    assert not channels


def test_a_channel_that_is_left_and_subscribed_again_makes_its_reader_read_again() -> None:
    """The first confirmation is of the subscription that was left: what comes between the two may be missed."""
    channels = Channels()
    (one, _), (two, take) = thread_inbox(), thread_inbox()
    channels.add(one)
    channels.take_changes()
    channels.remove(one)
    channels.take_changes()
    channels.add(two)
    assert channels.take_changes() == [("SUBSCRIBE", "c")]

    for reply in (["subscribe", "c", 1], ["unsubscribe", "c", 0]):
        channels.take(reply)
    assert take() == RESUBSCRIBED
    channels.take(["subscribe", "c", 1])
    assert take() == RESUBSCRIBED


def test_a_new_connection_subscribes_to_all() -> None:
    """None of the old confirmations counts."""
    channels = Channels()
    for channel in ("a", "b"):
        channels.add(ThreadInbox(channel))
    channels.take_changes()
    channels.take(["subscribe", "a", 1])

    channels.reset()

    assert channels.take_changes() == [("SUBSCRIBE", "a", "b")]
    assert channels.has_unconfirmed


def test_a_suspicion_is_over_when_something_comes() -> None:
    """The sooner of two counts."""
    suspicion = Suspicion()
    suspicion.begin(10, 5)
    suspicion.begin(11, 1)
    suspicion.begin(11, 5)
    suspicion.check(11.9)
    with pytest.raises(redis.ConnectionError):
        suspicion.check(12)

    suspicion.note_message(12, None)
    suspicion.check(100)


def connection(*parts: bytes) -> Any:
    """A connection of redis-py whose parser has read these bytes."""
    reader = hiredis.Reader(encoding="utf-8", replyError=redis.ResponseError, notEnoughData=object())
    for part in parts:
        reader.feed(part)
    return SimpleNamespace(_parser=SimpleNamespace(_reader=reader))


MESSAGE = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\n%d-0 x\r\n"


def test_what_a_connection_has_read_is_given_in_order_up_to_what_is_not_whole() -> None:
    """The rest stays with the parser, and comes once its bytes have."""
    one = connection(MESSAGE % 1 + MESSAGE % 2 + (MESSAGE % 3)[:-4])

    assert list(read_buffered(one)) == [["message", "c", "1-0 x"], ["message", "c", "2-0 x"]]
    one._parser._reader.feed((MESSAGE % 3)[-4:])
    assert list(read_buffered(one)) == [["message", "c", "3-0 x"]]
    assert list(read_buffered(one)) == []


def test_an_error_behind_messages_is_raised_once_they_are_given() -> None:
    """As `read_response` raises it."""
    replies = read_buffered(connection(MESSAGE % 1 + b"-NOAUTH\r\n"))

    assert next(replies) == ["message", "c", "1-0 x"]
    with pytest.raises(redis.ResponseError, match="NOAUTH"):
        next(replies)


def test_a_parser_that_is_not_in_c_has_none_to_give() -> None:
    """`read_response` gives them, and so it does once the connection is closed."""
    for parser in (SimpleNamespace(), SimpleNamespace(_reader=None)):
        assert list(read_buffered(SimpleNamespace(_parser=parser))) == []
