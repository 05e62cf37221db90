"""Health: which duties count as failing, and what a worker then does with its liveness file."""

from contextlib import closing
from pathlib import Path

import pytest
from celery import Celery
from kombu.exceptions import KombuError

from embedded.redis import EmbeddedRedis
from llamaq.store.clock import Clock
from llamaq.store.connections.clients import connect
from worker.duties.health import FAILING_SECONDS, Health
from worker.duties.heartbeat import AGAIN_SECONDS, BEAT_SECONDS, Heartbeat


class ByHand(Clock):
    """One that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> ByHand:
    return ByHand()


def test_a_duty_is_failing_after_a_while_without_a_good_round(clock: ByHand) -> None:
    """Not after one failure, and not any more after one good round. Others are not failing with it."""
    told: list[str] = []
    health = Health(clock, told.append)
    health.note_failure("probe")
    health.note_success("inbox")
    assert health.failing_duties() == told == []

    clock.now += FAILING_SECONDS + 1
    health.note_failure("inbox")
    health.note_failure("probe")

    assert health.failing_duties() == told == ["probe"]
    assert (health.failing_seconds("probe"), health.failing_seconds("inbox")) == (FAILING_SECONDS + 1, 0)
    health.note_success("probe")
    assert health.failing_duties() == []
    assert health.failing_seconds("probe") == 0


def test_the_time_without_redis_does_not_count(clock: ByHand) -> None:
    """A worker that is restarted while Redis is away loses its running jobs, and gains nothing."""
    health = Health(clock)
    health.note_failure("probe")
    clock.now += FAILING_SECONDS + 1
    health.forget_failures()
    health.note_failure("probe")

    assert health.failing_duties() == []


@pytest.mark.parametrize("away", [False, True])
def test_the_liveness_file_is_touched_while_no_duty_fails(
    clock: ByHand, away: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heartbeat that arrives does not touch it while one fails. While Redis is away it is touched all the same."""
    monkeypatch.setattr("worker.duties.heartbeat.BEAT_SECONDS", 0)
    file, health = tmp_path / "alive", Health(clock)
    nowhere = "redis://127.0.0.1:1/0"
    app = Celery("pulse", broker=nowhere, set_as_current=False)
    app.conf.update(task_publish_retry=False, broker_transport_options={"max_retries": 0})
    heartbeat = Heartbeat(app, connect(nowhere, retry=False), "q", str(file), clock, health, grace_seconds=0)
    heartbeat.note_received()
    assert file.exists()
    file.unlink()
    health.note_failure("probe")
    clock.now += FAILING_SECONDS + 1

    if away:
        heartbeat.run_round()
    else:
        heartbeat.note_received()

    assert file.exists() is away


def test_a_heartbeat_that_redis_refuses_is_no_outage(
    redis_server: EmbeddedRedis, prefix: str, clock: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The duty fails, and those that fail beside it still count: the worker must not look alive."""
    monkeypatch.setattr("worker.duties.heartbeat.BEAT_SECONDS", 0)
    health = Health(clock)
    with connect(redis_server.url) as admin, closing(Celery("pulse", set_as_current=False)) as app:
        admin.execute_command(f"ACL SETUSER {prefix} on >x ~* &* +@all -lpush")
        url = redis_server.url.replace("redis://", f"redis://{prefix}:x@")
        app.conf.update(broker_url=url, task_publish_retry=False, broker_transport_options={"max_retries": 0})
        heartbeat = Heartbeat(app, admin, f"{prefix}.worker.x", "", clock, health, grace_seconds=0)
        health.note_failure("probe")
        clock.now += 1

        with pytest.raises(KombuError, match="permission"):
            heartbeat.run_round()

        admin.execute_command(f"ACL DELUSER {prefix}")
    assert health.failing_seconds("probe") == 1


def test_a_lost_heartbeat_is_followed_by_another_sooner(
    redis_server: EmbeddedRedis, prefix: str, clock: ByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One may be lost with a damaged key of Redis. Three in a row would end a worker that consumes well.

    The first is sent soon, too: a worker that has just started is seen to consume, and not 10 s later.

    One that arrives a moment after it was sent is not lost, and the next is sent in its time.
    """
    with connect(redis_server.url) as client, closing(Celery("pulse", set_as_current=False)) as app:
        app.conf.update(broker_url=redis_server.url, task_publish_retry=False)
        heartbeat = Heartbeat(app, client, f"{prefix}.worker.x", "", clock, Health(clock), grace_seconds=0)
        pauses: list[float] = []
        arriving = iter([True, False, True])

        def wait(seconds: float) -> bool:
            pauses.append(seconds)
            if seconds == AGAIN_SECONDS and heartbeat.age_seconds() > 0 and next(arriving):
                heartbeat.note_received()
            return False

        monkeypatch.setattr(heartbeat.stopping, "wait", wait)

        for _ in range(4):
            heartbeat.run_round()
            clock.now += 1

    rest = BEAT_SECONDS - AGAIN_SECONDS
    assert pauses == [AGAIN_SECONDS, AGAIN_SECONDS, rest, AGAIN_SECONDS, AGAIN_SECONDS, rest]
