"""Celery's connections while no message comes."""

from contextlib import ExitStack

from kombu import Connection
from kombu.asynchronous import Hub
from kombu.asynchronous.timer import Timer

from embedded.redis import EmbeddedRedis
from llamaq import JobQueue
from llamaq.store.clock import SYSTEM
from worker.celery.transport import BINDINGS_SECONDS, Transport


def test_a_subscription_is_asked_once_for_a_sign_of_life(redis_server: EmbeddedRedis, queue: JobQueue) -> None:
    """The answer to a health check does not send another one."""
    with ExitStack() as stack:
        connection = stack.enter_context(Connection(redis_server.url, transport=Transport))
        channel = connection.channel()
        channel.subclient.subscribe("a-channel")
        channel._receive_one(channel.subclient)
        before = queue._connection.redis.info("commandstats").get("cmdstat_ping", {}).get("calls", 0)
        channel.subclient.connection.next_health_check = -1.0
        channel.subclient.check_health()
        assert channel.subclient.connection.can_read(timeout=10)

        channel._receive()

        assert not channel.subclient.connection.can_read(timeout=0)
        assert queue._connection.redis.info("commandstats")["cmdstat_ping"]["calls"] == before + 1
        assert channel.subclient.health_check_response_counter == 0


def test_the_loop_is_not_woken_each_second(redis_server: EmbeddedRedis) -> None:
    """Celery itself would look at the bindings of remote control, which stay for an hour."""
    hub = Hub(timer=Timer())
    with Connection(redis_server.url, transport=Transport) as connection:
        transport = connection.channel().connection
        began = SYSTEM.monotonic()
        transport.register_with_event_loop(transport, hub)
        times = [each.eta - began for each in hub.timer.queue if not each.entry.canceled]
        hub.close()

    assert min(times) > BINDINGS_SECONDS - 0.5
