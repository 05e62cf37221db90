"""The figures of minutes: written by workers, read by everybody."""

import pytest
from redis.exceptions import ResponseError

from embedded.scripted.fleet import Fleet
from llamaq.store.worker.minute_figures import MinuteFigures, bucket, quantile
from llamaq.vocabulary.errors import InvalidRequest
from worker.duties.fleet_history import FleetHistory

RESULT = {"usage": {"output_tokens": 7}, "timings": {"first_token": 0.4}}


def test_a_quantile_is_about_right() -> None:
    """To an eighth, from fast to slow."""
    for seconds in (0.03, 0.4, 2.0, 55.0, 3000.0):
        assert quantile({bucket(seconds): 9}, 0.5) == pytest.approx(seconds, rel=0.125)
    counts = {bucket(1.0): 90, bucket(30.0): 10}
    assert quantile(counts, 0.5) == pytest.approx(1.0, rel=0.125)
    assert quantile(counts, 0.95) == pytest.approx(30.0, rel=0.125)
    assert quantile({}, 0.5) is None


def test_workers_add_up_and_the_leader_writes_the_fleet(fleet: Fleet) -> None:
    """What one has counted is written once."""
    figures = MinuteFigures(fleet.redis, fleet.keys)
    leader, other = FleetHistory(figures, lambda: True), FleetHistory(figures, lambda: False)
    for duty in (leader, other, other):
        duty.count_completed(RESULT)
    leader.run_round()
    other.run_round()
    other.run_round()
    other.finish()

    number = min(int(key.rpartition(":")[2]) for key in fleet.redis.keys(f"{fleet.keys.prefix}:minute:*"))
    kept = [fleet.redis.hgetall(fleet.keys.minute(one)) for one in (number, number + 1)]  # a minute may have ended
    assert sum(int(fields.get("tokens", 0)) for fields in kept) == 21
    assert kept[0]["ended:completed"] == "0"
    assert 86_400 < fleet.redis.ttl(fleet.keys.minute(number)) <= 86_400 + 300


def test_a_round_that_failed_is_written_by_the_next(fleet: Fleet) -> None:
    """Nothing that was counted is lost."""
    duty = FleetHistory(MinuteFigures(fleet.redis, fleet.keys), lambda: False)
    duty.count_completed(RESULT)
    this = fleet.redis.time()[0] // 60
    keys = [fleet.keys.minute(number) for number in (this, this + 1)]
    fleet.redis.mset(dict.fromkeys(keys, "a string"))
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        duty.run_round()
    fleet.redis.delete(*keys)
    duty.run_round()

    kept = [fleet.redis.hgetall(fleet.keys.minute(number)) for number in (this, this + 1)]
    assert {"tokens": "7", f"first:{bucket(0.4)}": "1"} in kept


def test_a_minute_counts_what_has_ended_since_the_one_before(fleet: Fleet) -> None:
    """A minute after one that was not recorded counts none, rather than all."""
    this = fleet.redis.time()[0] // 60
    for number, total in ((this - 4, 10), (this - 3, 15), (this - 1, 90)):
        fields = {"ended:completed": total, "waiting:normal": 3, "slots": 4, "slots_used": 2, "tokens": 60}
        fleet.redis.hset(fleet.keys.minute(number), mapping={**fields, f"first:{bucket(0.5)}": 2})

    found = {minute.at.timestamp() // 60: minute for minute in fleet.queue.history(5)}

    assert found[this - 3].ended == {"completed": 5}
    assert found[this - 1].ended == {}
    assert found[this - 3].waiting == {"normal": 3}
    assert (found[this - 3].slots, found[this - 3].slots_used, found[this - 3].tokens) == (4, 2, 60)
    assert found[this - 3].first_token_p95 == pytest.approx(0.5, rel=0.125)
    assert found[this - 2].waiting == {}


@pytest.mark.parametrize("number", [0, 1441, "60", True])
def test_more_minutes_than_are_kept_are_refused(fleet: Fleet, number: object) -> None:
    """By name."""
    with pytest.raises(InvalidRequest, match="number"):
        fleet.queue.history(number)  # type: ignore[arg-type]  # that is the point
