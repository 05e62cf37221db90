"""The cancel channel: a cancel arrives, whatever becomes of the connection that it is to come over."""

from pathlib import Path

import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet
from llamaq.store.clock import SYSTEM
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from tests.faults.proxy import OutageProxy
from tests.unit.worker.writing import run_supervised, wait_until
from worker.duties.cancel_channel import CancelChannel


def test_a_cancel_arrives_though_the_connection_has_gone_silent(fleet: Fleet) -> None:
    """The channel notices that nothing comes, subscribes anew, and looks for what was cancelled meanwhile."""
    job, _ = fleet.start_job(fleet.add_host())
    cancelled: list[str] = []
    port = fleet.redis.connection_pool.connection_kwargs["port"]
    with OutageProxy(port) as proxy, connect(proxy.url, limit_seconds=3) as client:
        channel = CancelChannel(client, fleet.keys, "alpha", cancelled.append, lambda: [job.id], SYSTEM)
        with run_supervised(channel):
            wait_until(lambda: fleet.redis.pubsub_numsub(fleet.keys.control("alpha"))[0][1])
            proxy.set("drop")
            job.cancel()
            wait_until(lambda: cancelled)

    assert set(cancelled) == {job.id}


def test_a_cancel_is_told_once_over_a_living_connection(fleet: Fleet) -> None:
    """Answers to pings are no cancels."""
    cancelled: list[str] = []
    with connect(fleet.url) as client:
        channel = CancelChannel(client, fleet.keys, "alpha", cancelled.append, list, SYSTEM)
        channel._pinged_at = -1e9
        for _ in range(3):
            channel._pinged_at -= 1e9
            channel.run_round()
        fleet.redis.publish(fleet.keys.control("alpha"), "the-job")
        while not cancelled:
            channel.run_round()
        channel.finish()
    assert cancelled == ["the-job"]


def test_a_full_disk_does_not_end_the_subscription(tmp_path: Path) -> None:
    """Redis then answers a ping with an error. A connection for each such ping would follow."""
    cancelled: list[str] = []
    with (
        EmbeddedRedis.start(tmp_path, options=("--save", "3600 1000000")) as server,
        redis.Redis.from_url(server.url) as admin,
        connect(server.url) as client,
    ):
        channel = CancelChannel(client, Keys("llamaq"), "alpha", cancelled.append, lambda: ["a-job"], SYSTEM)
        channel.run_round()
        subscribed = channel._pubsub
        (tmp_path / "dump.rdb" / "in_its_way").mkdir(parents=True)
        admin.bgsave()
        wait_until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
        for _ in range(3):
            channel._pinged_at -= 1e9
            channel.run_round()
        admin.config_set("save", "")
        admin.publish(Keys("llamaq").control("alpha"), "a-job")
        while not cancelled:
            channel.run_round()

        assert channel._pubsub is subscribed
        channel.finish()
