"""The doorbell: a ring that fails is logged, and never the producer's trouble."""

import json
import logging

import pytest
import redis

from embedded.redis import EmbeddedRedis
from llamaq import JobQueue
from llamaq.store.connection import connect
from llamaq.store.doorbell import Doorbell
from llamaq.store.keys import Keys
from llamaq.store.rings import Ring, rings

RING = Ring("the-job", "generate", "alpha:1")


def test_a_ring_is_a_message_for_the_hosts_queue(redis_server: EmbeddedRedis, prefix: str) -> None:
    """It carries the job id, as task id and as the only argument, and the task of the kind."""
    bell = Doorbell(redis_server.url, Keys(prefix))
    bell.ring([RING])
    with connect(redis_server.url) as client:
        (text,) = client.lrange(f"{prefix}.host.alpha:1", 0, -1)
    bell.close()

    headers = json.loads(text)["headers"]
    assert (headers["task"], headers["id"]) == ("llamaq.generate", "the-job")
    assert headers["argsrepr"] == "['the-job']"


@pytest.mark.parametrize("trouble", ["closed", "password", "memory"])
def test_a_ring_that_fails_is_logged_and_does_not_raise(trouble: str, caplog: pytest.LogCaptureFixture) -> None:
    """The job is stored already: rescue rings again. The log names the job, and not the password."""
    with EmbeddedRedis.start(appendonly=False) as server:
        bell = Doorbell(f"redis://:hunter2@127.0.0.1:{server.port}/0", Keys("p"))
        with redis.Redis(port=server.port) as client:
            match trouble:
                case "password":
                    client.config_set("requirepass", "right")
                case "memory":
                    client.config_set("requirepass", "hunter2")
                    client.auth("hunter2")
                    client.config_set("maxmemory", "1")
        if trouble == "closed":
            server.kill()

        with caplog.at_level(logging.WARNING, "llamaq.store.doorbell"):
            bell.ring([RING])
        bell.close()

    assert "the doorbell for job the-job was not heard" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_submit_is_well_though_the_ring_is_not(redis_server: EmbeddedRedis, prefix: str) -> None:
    """Whoever enqueued the job gets it, and not an error for a job that will run."""

    class Broken(Doorbell):
        def __init__(self) -> None:
            super().__init__("redis://127.0.0.1:1/0", Keys(prefix))

    with JobQueue(redis_server.url, prefix=prefix, doorbell=Broken()) as queue:
        assert queue.generate("m", "x").status().state == "queued"


def test_rings_are_read_off_a_flat_list() -> None:
    """As the scripts answer them."""
    assert rings([]) == []
    assert rings(["a", "generate", "h", "b", "chat", "i"]) == [Ring("a", "generate", "h"), Ring("b", "chat", "i")]
