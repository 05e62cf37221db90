"""kombu's Redis transport behind the gate: what comes over it is read by us before kombu or Celery look at it."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import kombu.transport.redis
import kombu.transport.virtual
import redis
from celery.worker import state
from kombu.transport import TRANSPORT_ALIASES
from kombu.utils.json import dumps, loads
from redis.exceptions import ReadOnlyError, ResponseError

from llamaq.store.clock import SYSTEM
from llamaq.store.connections.address import Address, parse_url
from llamaq.store.connections.master_connections import MasterConnection, TlsMasterConnection
from llamaq.store.connections.sentinel import MasterPool
from worker.celery import broker_message
from worker.gate import MOST_TAKES, TAKEN_TOO_OFTEN, Incoming, SetAside, Source, handle_or_set_aside, is_outage

Read = Callable[[Incoming], dict[str, Any]]
"""Makes the message that kombu gets. Raises where the one that came cannot be run."""
BINDINGS_SECONDS = 5.0
"""How often the loop looks at the bindings of remote control, which stay for an hour; kombu looks every second."""
_pools: WeakValueDictionary[str, redis.ConnectionPool] = WeakValueDictionary()
"""By address and options: each is there as long as a channel has it."""
_lock = threading.Lock()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MessageHooks:
    """What a worker does with the messages of its queues.

    Attributes:
        find_reader: gives the source of what comes in a queue, and its reader; None for a queue of a client.
        set_aside: called for a message that cannot be run.
        return_queue: the queue for a message of this routing key that was not acknowledged.
        start_task: begins the task of an assigned job, given its kind and id; returns whether it did.
        is_worker: whether a worker runs in this process. A client (`inspect`, Flower) returns no messages.
    """

    find_reader: Callable[[str], tuple[Source, Read] | None]
    set_aside: SetAside
    return_queue: Callable[[str], str]
    start_task: Callable[[str, str], bool]
    is_worker: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Unread:
    """A message as it came."""

    text: str


class QoS(kombu.transport.redis.QoS):
    """kombu's list of unacknowledged messages, which survives a lost connection, and counts what comes back.

    A message is in it for the moment between its receipt and its acknowledgement. When Redis goes away in that moment,
    kombu returns the message over a connection that is closed already, and the AttributeError ends the worker.

    A message without acknowledgement is known to this process alone: it saves two round trips before the task begins.
    """

    def append(self, message: Any, delivery_tag: Any) -> None:
        """Note a message in two keys. Where one is damaged, the note in the other is removed; else it would stay."""
        if broker_message.needs_no_ack(message.delivery_info):
            kombu.transport.virtual.QoS.append(self, message, delivery_tag)
            return
        try:
            super().append(message, delivery_tag)
        except ResponseError:
            with self.pipe_or_acquire() as pipe:
                self._remove_from_indices(delivery_tag, pipe).execute(raise_on_error=False)
            raise

    def ack(self, delivery_tag: Any) -> None:
        """Forget a message, which is dealt with."""
        if self._find_unnoted(delivery_tag) is None:
            super().ack(delivery_tag)
        else:
            kombu.transport.virtual.QoS.ack(self, delivery_tag)

    def restore_unacked(self, client: Any = None) -> None:
        """Return unacknowledged messages. Without a connection they stay in Redis, which delivers them again."""
        transport = self.channel.connection
        if client is None and (transport is None or transport.client is None):
            _log.warning(
                "the connection was lost with %d unacknowledged messages; they are delivered again",
                len(self._delivered),
            )
            self._delivered.clear()
            return
        super().restore_unacked(client)

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """Return the messages of workers that have vanished."""
        if Transport.hooks is None or Transport.hooks.is_worker():
            super().restore_visible(*args, **options)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Return one message to its queue, or set it aside."""
        answer: list[str | bytes | None] = []

        def restore(pipe: Any) -> None:
            unnoted = self._find_unnoted(tag)
            answer[:] = [pipe.hget(self.unacked_key, tag) if unnoted is None else _serialize(unnoted)]
            pipe.multi()
            self._remove_from_indices(tag, pipe)
            back = self._prepare_return(answer[0]) if answer[0] is not None else None
            if back is not None:
                (pipe.lpush if leftmost else pipe.rpush)(*back)
                answer.clear()

        with self.channel.conn_or_acquire(client) as connection:
            connection.transaction(restore, self.unacked_key)
        if answer and answer[0] is not None and Transport.hooks is not None:
            self._set_aside(answer[0], Transport.hooks.set_aside)

    def _find_unnoted(self, tag: Any) -> Any:
        """Find the message of this tag where it needs no acknowledgement, else None."""
        message = self._delivered.get(tag)
        return message if message is not None and broker_message.needs_no_ack(message.delivery_info) else None

    def _prepare_return(self, noted: str | bytes) -> tuple[str, str] | None:
        """Prepare the queue and the text of a message that comes back; None for one that does not."""
        try:
            message, headers, key = broker_message.parse_unacked(_make_incoming(noted))
        except Exception:  # noqa: BLE001 - whatever it is: it is read again when it is set aside
            return None
        taken = broker_message.count_takes(headers) + _is_lost(headers)
        if taken >= MOST_TAKES:
            return None
        queue = key if Transport.hooks is None else Transport.hooks.return_queue(key)
        return queue, dumps({**message, "headers": {**headers, broker_message.TAKEN: taken}})

    def _set_aside(self, noted: str | bytes, set_aside: SetAside) -> None:
        message = _make_incoming(noted)
        if handle_or_set_aside(message, lambda: broker_message.parse_unacked(message), set_aside) is None:
            set_aside(message, TAKEN_TOO_OFTEN)


def _serialize(message: Any) -> str:
    """Serialize a message as kombu notes it in Redis."""
    info = message.delivery_info
    noted: str = dumps([message._raw, info["exchange"], info["routing_key"]])  # noqa: SLF001 - as kombu does
    return noted


def _make_incoming(noted: str | bytes) -> Incoming:
    return Incoming("celery", noted.decode(errors="replace") if isinstance(noted, bytes) else noted)


def _is_lost(headers: dict[str, Any]) -> bool:
    """Whether a message comes back because its worker failed, not because it stopped or the message waited."""
    in_order = state.should_stop is not None and state.should_stop == 0
    return not in_order and not broker_message.is_waiting(headers)


class Channel(kombu.transport.redis.Channel):
    """The channel with this QoS. All channels of a process to one server share the connections on which they send.

    kombu gives each channel a pool, and leaves the connection open by which the channel was tried.
    """

    QoS = QoS
    _pool: redis.ConnectionPool | None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.async_pool.disconnect(inuse_connections=False)  # one that consumes connects again

    @property
    def pool(self) -> redis.ConnectionPool:
        """The connections for what is answered at once."""
        if self._pool is None:
            given = repr(sorted(self._connparams().items()))
            with _lock:
                self._pool = _pools.get(given) or _pools.setdefault(given, self._get_pool())
        pool: redis.ConnectionPool = self._pool
        return pool

    def _disconnect_pools(self) -> None:
        # Other channels use the pool too. Its idle connections lead to the same server as the lost one.
        shared, self._pool = self._pool, None
        super()._disconnect_pools()
        if shared is not None:
            shared.disconnect(inuse_connections=False)

    def get_table(self, exchange: str) -> list[tuple[str, str, str]]:
        """The bindings of an exchange. A member that is no binding is left out, because kombu would fail at it."""
        return [binding for binding in super().get_table(exchange) if len(binding) == 3]

    def _get(self, queue: str) -> Any:
        found = super()._get(queue)
        return loads(found.text) if isinstance(found, Unread) else found

    def _receive(self) -> Any:
        # Else redis-py would send the next health check before it has read the answer to the last one.
        if (connection := self.subclient.connection) is not None:
            connection.next_health_check = SYSTEM.monotonic() + self.health_check_interval
        return super()._receive()

    def _restore(self, message: Any, leftmost: bool = False) -> None:
        self.qos.restore_by_tag(message.delivery_tag, leftmost=leftmost)


class Transport(kombu.transport.redis.Transport):
    """The transport behind the gate. `hooks` is None where no application of ours is in the process."""

    hooks: MessageHooks | None = None
    Channel = Channel
    # A master that has become a replica counts as a lost connection. Any other error would end the worker.
    connection_errors = (*kombu.transport.redis.Transport.connection_errors, ReadOnlyError)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """As kombu does, but wake the loop less often."""
        super().register_with_event_loop(connection, loop)
        if (each_second := getattr(self.cycle, "_binding_expiry_tref", None)) is not None:
            each_second.cancel()
            self.cycle._binding_expiry_tref = loop.call_repeatedly(  # noqa: SLF001 - kombu cancels it by this name
                BINDINGS_SECONDS, self.cycle.maybe_refresh_binding_expiry
            )

    def _deliver(self, message: Any, queue: str) -> None:
        if not isinstance(message, Unread):
            super()._deliver(message, queue)
            return
        found = self.hooks.find_reader(queue) if self.hooks is not None else None
        if self.hooks is None or found is None:
            self._deliver_to_client(message.text, queue)
            return
        source, read = found
        job = broker_message.parse_assigned(message.text) if source == "celery" and queue in self._callbacks else None
        if job is not None and self.hooks.start_task(*job):
            return
        incoming = Incoming(source, message.text)
        handle_or_set_aside(
            incoming, lambda: super(Transport, self)._deliver(read(incoming), queue), self.hooks.set_aside
        )

    def _deliver_to_client(self, text: str, queue: str) -> None:
        try:
            message = loads(text)
        except Exception as error:
            if is_outage(error):
                raise
            _log.warning("a message of %s is not JSON", queue)
        else:
            super()._deliver(message, queue)


class SentinelChannel(Channel):
    """The channel to the master that Sentinels name. It asks them as all clients of llamaq do."""

    connection_class = MasterConnection
    connection_class_ssl = TlsMasterConnection
    keyprefix_fanout: str

    def _get_pool(self, asynchronous: bool = False) -> redis.ConnectionPool:
        given = self._connparams(asynchronous=asynchronous)
        self.keyprefix_fanout = self.keyprefix_fanout.format(db=given["db"])
        del given["host"], given["port"]
        return MasterPool(self.connection.target, given["socket_timeout"], **given)


class SentinelTransport(Transport):
    """The transport of `sentinel://`, for the one address that `install` was given."""

    target: Address
    Channel = SentinelChannel


def install(hooks: MessageHooks, redis_url: str) -> None:
    """Put every Redis connection that kombu opens in this process behind the gate."""
    Transport.hooks = hooks
    SentinelTransport.target = parse_url(redis_url)
    for scheme, transport in (("redis", Transport), ("rediss", Transport), ("sentinel", SentinelTransport)):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{transport.__name__}"
    # kombu parses in the middle of long methods of its channel, so the `loads` of its module is replaced.
    kombu.transport.redis.loads = Unread
