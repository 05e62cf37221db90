"""Receivers of webhooks take turns, so that one that hangs or has many messages delays no other."""

from embedded.scripted.fleet import Fleet
from llamaq.store.worker.webhook_deliveries import Deliveries, Delivery


def take(deliveries: Deliveries) -> Delivery:
    """Take the next delivery, which must be there."""
    delivery = deliveries.take()
    assert delivery is not None
    return delivery


def owe(fleet: Fleet, receiver: str, number: int) -> list[str]:
    """Deliveries that are due at once; the ids of their jobs."""
    jobs = [fleet.submit(notify={"url": f"https://{receiver}/hook"}) for _ in range(number)]
    for job in jobs:
        job.cancel("no")
    return [job.id for job in jobs]


def test_receivers_take_turns(fleet: Fleet, deliveries: Deliveries) -> None:
    """However many are due for one, the next call is of the receiver whose last one is the longest ago."""
    of_a, of_b = owe(fleet, "A.example:8443", 3), owe(fleet, "b.example", 2)

    calls = [take(deliveries) for _ in range(5)]

    assert [call.receiver for call in calls] == ["a.example:8443", "b.example"] * 2 + ["a.example:8443"]
    assert [call.job_id for call in calls] == [of_a[0], of_b[0], of_a[1], of_b[1], of_a[2]]
    assert deliveries.take() is None


def test_a_busy_receiver_is_passed_over(fleet: Fleet, deliveries: Deliveries) -> None:
    """Those of others that are due later are taken before it; its own wait, and are not lost."""
    of_a, of_b = owe(fleet, "a.example", 2), owe(fleet, "b.example", 1)

    assert [take(deliveries).job_id for _ in range(1)] == [of_a[0]]
    other = deliveries.take(["a.example"])
    assert other is not None
    assert other.job_id == of_b[0]
    assert deliveries.take(["a.example"]) is None
    assert take(deliveries).job_id == of_a[1]


def test_a_backlog_of_one_receiver_hides_no_other(fleet: Fleet, deliveries: Deliveries) -> None:
    """Far more are due for it than one call of the script looks at. They stay, and in their order."""
    redis, prefix = fleet.redis, fleet.keys.prefix
    with redis.pipeline() as pipe:
        for number in range(1000):
            pipe.hset(f"{prefix}:webhook:h{number}", "url", "https://hanging.example/")
            pipe.zadd(f"{prefix}:webhooks", {f"h{number}": number})
        pipe.execute()
    (behind,) = owe(fleet, "b.example", 1)

    found = deliveries.take(["hanging.example"])

    assert found is not None
    assert found.job_id == behind
    assert deliveries.take(["hanging.example"]) is None
    assert redis.lrange(f"{prefix}:webhooks:hanging.example", 0, -1) == [f"h{number}" for number in range(1000)]
    assert redis.zrange(f"{prefix}:webhooks", 0, -1) == [behind]


def test_what_expired_without_a_secret_is_forgotten(fleet: Fleet) -> None:
    """No worker takes deliveries there, so each new one removes two that have expired."""
    waiting = f"{fleet.keys.prefix}:webhooks"
    fleet.redis.zadd(waiting, {f"old{number}": 1 for number in range(3)})

    jobs = owe(fleet, "a.example", 2)

    assert set(fleet.redis.zrange(waiting, 0, -1)) == set(jobs)


def test_a_damaged_delivery_holds_up_no_other(fleet: Fleet, deliveries: Deliveries) -> None:
    """A key of a wrong type, or a URL that is none."""
    first, second, third = owe(fleet, "a.example", 3)
    key = f"{fleet.keys.prefix}:webhook:"
    fleet.redis.delete(key + first)
    fleet.redis.set(key + first, "no hash")
    fleet.redis.hset(key + second, "url", "no url")

    assert {take(deliveries).job_id, take(deliveries).job_id} == {second, third}
    assert deliveries.take() is None
