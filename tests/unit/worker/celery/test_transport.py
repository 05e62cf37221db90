"""The guarded transport: what kombu would end the worker over."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from celery.worker import state
from kombu import Connection
from kombu.simple import SimpleQueue

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet
from llamaq import JobQueue
from llamaq.store.keys import Keys
from llamaq.store.worker.outcome import Error
from tests.faults.malformed import build_message, encode
from worker.celery import broker_message, transport
from worker.celery.transport import MessageHooks, Transport
from worker.gate import TAKEN_TOO_OFTEN, Incoming


@pytest.mark.parametrize("lost", ["client", "connection"])
def test_a_message_in_hand_when_the_connection_is_lost_stays_noted(
    redis_server: EmbeddedRedis, queue: JobQueue, prefix: str, lost: str
) -> None:
    """The channel is given up without an error, and Redis still knows the message: it comes again."""
    options = {"unacked_key": f"{prefix}.unacked", "unacked_index_key": f"{prefix}.unacked_index"}
    with Connection(redis_server.url, transport=Transport, transport_options=options) as connection:
        channel = connection.channel()
        simple = SimpleQueue(channel, f"{prefix}.list")
        simple.put("in hand")
        simple.get(timeout=10)
        transport = channel.connection

        if lost == "client":
            transport.client = None
        else:
            channel.connection = None
        channel.qos.restore_unacked_once()
        transport.client, channel.connection = connection, transport

        assert queue._connection.redis.hlen(f"{prefix}.unacked") == 1


def test_with_a_connection_it_goes_back_at_once(
    redis_server: EmbeddedRedis, queue: JobQueue, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a stop that was asked for."""
    monkeypatch.setattr(Transport, "hooks", None)
    options = {"unacked_key": f"{prefix}.unacked", "unacked_index_key": f"{prefix}.unacked_index"}
    with Connection(redis_server.url, transport=Transport, transport_options=options) as connection:
        channel = connection.channel()
        simple = SimpleQueue(channel, f"{prefix}.list")
        simple.put("in hand")
        simple.get(timeout=10)

        channel.qos.restore_unacked_once()

        assert queue._connection.redis.llen(f"{prefix}.list") == 1
        assert queue._connection.redis.hlen(f"{prefix}.unacked") == 0


class Opened:
    """A channel of a worker, and what was set aside.

    Attributes:
        channel: of kombu.
        redis: a plain client.
        aside: the messages that were set aside, with their errors.
    """

    def __init__(self, channel: Any, keys: Keys, redis: Any) -> None:
        self.channel = channel
        self.keys = keys
        self.redis = redis
        self.aside: list[tuple[Incoming, Error]] = []

    def leave(self, noted: str, tag: str = "the-tag") -> None:
        """Note a message as one that a worker has taken, and has vanished with."""
        self.redis.hset(f"{self.keys.prefix}.unacked", tag, noted)
        self.redis.zadd(f"{self.keys.prefix}.unacked_index", {tag: 1})

    def restore(self) -> None:
        """Return what was left behind."""
        self.channel.qos.restore_visible(interval=1)
        assert self.redis.hlen(f"{self.keys.prefix}.unacked") == 0
        assert self.redis.zcard(f"{self.keys.prefix}.unacked_index") == 0

    def takes(self, made: str) -> list[int]:
        """How often the message that came back had been taken, each time that a worker left it, until it stays away."""
        found: list[int] = []
        for _ in range(9):
            self.leave(json.dumps([json.loads(made), "", self.keys.intake_queue()]))
            self.restore()
            back = self.redis.rpop(self.keys.intake_queue())
            if back is None:
                return found
            made = back
            found.append(broker_message.count_takes(json.loads(made)["headers"]))
        return found


@pytest.fixture
def opened(
    redis_server: EmbeddedRedis, queue: JobQueue, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opened]:
    """A worker's channel."""
    keys = Keys(prefix)
    names = {f"{name}_key": f"{prefix}.{name}" for name in ("unacked", "unacked_index", "unacked_mutex")}
    with Connection(redis_server.url, transport=Transport, transport_options=names) as connection:
        found = Opened(connection.channel(), keys, queue._connection.redis)
        hooks = MessageHooks(
            find_reader=lambda _: None,
            set_aside=lambda *letter: found.aside.append(letter),
            return_queue=lambda key: key if keys.is_queue(key) else keys.intake_queue(),
            start_task=lambda *_: False,
            is_worker=lambda: True,
        )
        monkeypatch.setattr(Transport, "hooks", hooks)
        yield found


def test_a_message_that_comes_back_three_times_is_set_aside(opened: Opened) -> None:
    """It may have ended the workers that took it; its job fails, where its id can be read."""
    assert opened.takes(build_message()) == [1, 2]
    ((letter, error),) = opened.aside
    assert error == TAKEN_TOO_OFTEN
    assert letter.job_id == json.loads(letter.content)["headers"]["id"]


def assigned(opened: Opened) -> str:
    """The message of an assigned job, in the channel's hand; returns its tag."""
    queue = opened.keys.host_queue("h")
    headers = {"task": "llamaq.generate", "id": "a-job", "lang": "py"}
    text = build_message(body=encode([["a-job"], {}, {}]), headers=headers)
    made = broker_message.read(Incoming("celery", text), queue)
    taken = opened.channel.Message(made, channel=opened.channel)
    opened.channel.qos.append(taken, taken.delivery_tag)
    return str(taken.delivery_tag)


def test_the_message_of_an_assigned_job_is_not_noted(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is asked neither when it comes, nor when its task begins."""
    with monkeypatch.context() as without:
        without.setattr(opened.channel, "conn_or_acquire", lambda *_: 1 / 0)
        opened.channel.basic_ack(assigned(opened))
    opened.channel.qos.restore_unacked_once()
    assert not opened.redis.exists(opened.keys.host_queue("h"))


@pytest.mark.parametrize("how", ["stop", "reject"])
def test_a_message_that_was_not_noted_goes_back(opened: Opened, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """So that another worker of the host begins its job before the time of its assignment runs out."""
    monkeypatch.setattr(state, "should_stop", 0)
    tag = assigned(opened)
    if how == "stop":
        opened.channel.qos.restore_unacked_once()
    else:
        opened.channel.basic_reject(tag, requeue=True)
    back = json.loads(opened.redis.rpop(opened.keys.host_queue("h")))
    assert (back["headers"]["id"], broker_message.count_takes(back["headers"])) == ("a-job", 0)
    assert opened.aside == []


def test_what_comes_back_in_order_is_not_counted(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that stops in order returns what waits for one of its threads."""
    monkeypatch.setattr(state, "should_stop", 0)
    assert opened.takes(build_message()) == [0] * 9
    assert opened.aside == []


def test_what_waits_for_its_time_is_not_counted(opened: Opened) -> None:
    """A worker holds it for hours, and it is delivered to others meanwhile."""
    later = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    headers = json.loads(build_message())["headers"]
    assert opened.takes(build_message(headers={**headers, "eta": later})) == [0] * 9
    past = "2020-01-01T00:00:00+00:00"
    assert opened.takes(build_message(headers={**headers, "eta": past})) == [1, 2]


@pytest.mark.parametrize(
    "noted",
    [
        "",
        "no JSON",
        "5",
        "[]",
        "[1, 2, 3]",
        '[{}, "", 5]',
        '["x", "", "y"]',
        '[{"headers": 5}, "", "y"]',
        '{"__type__": "decimal", "__value__": "abc"}',
        "[" * 100_000,
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
    ids=range(11),
)
def test_what_is_no_message_is_set_aside(opened: Opened, noted: str) -> None:
    """It would stop the return of all others, each time that a worker looks."""
    opened.leave(noted, "first")
    opened.leave(json.dumps([json.loads(build_message()), "", opened.keys.intake_queue()]), "second")
    opened.restore()
    assert len(opened.aside) == 1
    assert opened.redis.llen(opened.keys.intake_queue()) == 1


def test_a_message_goes_back_to_a_queue_of_ours_alone(opened: Opened) -> None:
    """What its sender wrote into it sends it nowhere else, with the rights of a worker."""
    good = json.loads(build_message())
    for key, queue in {
        "somebody.elses": opened.keys.intake_queue(),
        opened.keys.record("x"): opened.keys.intake_queue(),
        opened.keys.host_queue("h"): opened.keys.host_queue("h"),
    }.items():
        opened.leave(json.dumps([good, "an exchange", key]))
        opened.restore()
        assert opened.redis.rpop(queue)
        assert not opened.redis.exists("somebody.elses")


def test_a_client_returns_no_messages(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """`inspect` and Flower have the same transport, and no dead letters."""
    hooks = Transport.hooks
    assert hooks is not None
    monkeypatch.setattr(Transport, "hooks", replace(hooks, is_worker=lambda: False))
    opened.leave("no JSON")
    opened.channel.qos.restore_visible(interval=1)
    assert opened.redis.hlen(f"{opened.keys.prefix}.unacked") == 1


@pytest.mark.parametrize("how", ["begun", "not begun", "cancelled", "another message"])
def test_the_message_of_an_assigned_job_begins_its_task(
    opened: Opened, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Celery gets it where the task did not begin, and any other message. A queue that was given up begins none."""
    fleet.add_host("h")
    job_id = fleet.submit().id
    queue, text = opened.keys.host_queue("h"), fleet.redis.rpop(fleet.keys.host_queue("h"))
    celerys: list[Any] = []
    begun: list[tuple[str, str]] = []
    opened.channel.basic_consume(queue, no_ack=True, callback=celerys.append, consumer_tag="tag")
    if how == "cancelled":
        opened.channel.basic_cancel("tag")
    if how == "another message":
        text = json.dumps({**json.loads(text), "one": "more"})

    def start_task(*job: str) -> bool:
        begun.append((job[0], job[1]))
        return how == "begun"

    hooks = opened.channel.connection.hooks
    read = partial(broker_message.read, queue=queue)
    monkeypatch.setattr(
        Transport, "hooks", replace(hooks, start_task=start_task, find_reader=lambda _: ("celery", read))
    )
    opened.channel.connection._deliver(transport.Unread(text), queue)

    assert begun == ([("generate", job_id)] if how in {"begun", "not begun"} else [])
    assert [taken.headers["id"] for taken in celerys] == ([job_id] if how in {"not begun", "another message"} else [])
    assert opened.aside == []


def test_a_binding_that_is_none_is_left_out(opened: Opened) -> None:
    """The set of an exchange's bindings is everybody's: one odd member would end each worker that sends something."""
    exchange = f"{opened.keys.prefix}.exchange"
    good = transport.Channel.sep.join(["key", "", "a-queue"])
    opened.redis.sadd(f"_kombu.binding.{exchange}", good, "nonsense", transport.Channel.sep * 5, b"\xff")
    assert opened.channel.get_table(exchange) == [("key", "", "a-queue")]


def test_channels_share_the_connections_on_which_they_send(redis_server: EmbeddedRedis, prefix: str) -> None:
    """Nothing else stays open of a channel that consumes nothing, and one that is closed leaves the others theirs."""
    options = {"client_name": prefix}
    with ExitStack() as stack:
        opened = [
            stack.enter_context(Connection(redis_server.url, transport=Transport, transport_options=options))
            for _ in range(2)
        ]
        channels = [connection.channel() for connection in (*opened, *opened)]
        for _ in range(2):
            for channel in channels:
                with channel.conn_or_acquire() as client:
                    client.ping()
            assert [found["name"] for found in client.client_list()].count(prefix) == 1
            channels.pop(0).close()
