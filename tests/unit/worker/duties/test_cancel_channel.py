"""The cancel channel: a cancel arrives, whatever becomes of the connection that it is to come over."""

from embedded.scripted.fleet import Fleet
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect
from tests.faults.proxy import OutageProxy
from tests.unit.worker.writing import supervised, until
from worker.duties.cancel_channel import CancelChannel


def test_a_cancel_arrives_though_the_connection_has_gone_silent(fleet: Fleet) -> None:
    """The channel notices that nothing comes, subscribes anew, and looks for what was cancelled meanwhile."""
    job, _ = fleet.running(fleet.host())
    cancelled: list[str] = []
    port = fleet.redis.connection_pool.connection_kwargs["port"]
    with OutageProxy(port) as proxy, connect(proxy.url, limit_seconds=3) as client:
        channel = CancelChannel(client, fleet.keys, "alpha", cancelled.append, lambda: [job.id], SYSTEM)
        with supervised(channel):
            until(lambda: fleet.redis.pubsub_numsub(fleet.keys.control("alpha"))[0][1])
            proxy.set("drop")
            job.cancel()
            until(lambda: cancelled)

    assert set(cancelled) == {job.id}


def test_a_cancel_is_told_once_over_a_living_connection(fleet: Fleet) -> None:
    """Answers to pings are no cancels."""
    cancelled: list[str] = []
    with connect(fleet.url) as client:
        channel = CancelChannel(client, fleet.keys, "alpha", cancelled.append, list, SYSTEM)
        channel._pinged_at = -1e9
        for _ in range(3):
            channel._pinged_at -= 1e9
            channel.round()
        fleet.redis.publish(fleet.keys.control("alpha"), "the-job")
        while not cancelled:
            channel.round()
        channel.finish()
    assert cancelled == ["the-job"]
