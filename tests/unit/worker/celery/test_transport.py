"""The guarded transport: what kombu would end the worker over."""

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

from embedded.redis import EmbeddedRedis
from llamaq import JobQueue
from worker.celery.transport import Transport


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


def test_with_a_connection_it_goes_back_at_once(redis_server: EmbeddedRedis, queue: JobQueue, prefix: str) -> None:
    """As at a stop that was asked for."""
    options = {"unacked_key": f"{prefix}.unacked", "unacked_index_key": f"{prefix}.unacked_index"}
    with Connection(redis_server.url, transport=Transport, transport_options=options) as connection:
        channel = connection.channel()
        simple = SimpleQueue(channel, f"{prefix}.list")
        simple.put("in hand")
        simple.get(timeout=10)

        channel.qos.restore_unacked_once()

        assert queue._connection.redis.llen(f"{prefix}.list") == 1
        assert queue._connection.redis.hlen(f"{prefix}.unacked") == 0
