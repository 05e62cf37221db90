"""Which master Sentinels name: the one of the newest failover, and none while that is not decided."""

from typing import Any

import pytest
import redis
from redis.sentinel import MasterNotFoundError

from llamaq.store.connections.address import parse_url
from llamaq.store.connections.sentinel_answers import (
    SILENT_SECONDS,
    Accounts,
    NoSentinel,
    Place,
    Sentinel,
    SentinelAnswers,
    WrongSentinels,
    ask_seconds,
)

URL = "redis+sentinel://a:26379,b:26379,c:26379/m/0"
OLD, NEW = ("10.0.0.1", 6379), ("10.0.0.2", 6379)
NOW = 100.0


def _sentinels(url: str = URL) -> list[Sentinel]:
    target = parse_url(url)
    return [Sentinel(place, target, lambda place, account: (place, account)) for place in target.servers]


def _says(place: Place, epoch: int, *flags: str) -> dict[str, Any]:
    """The answer of a Sentinel, as redis-py reads it."""
    state = {"is_master": True, "is_sdown": "s_down" in flags, "is_odown": "o_down" in flags}
    return {
        "m": {"ip": place[0], "port": place[1], "config-epoch": epoch, "flags": ",".join(("master", *flags)), **state}
    }


def _collect(*answers: dict[str, Any] | Exception) -> SentinelAnswers:
    found = SentinelAnswers("m", len(answers))
    for sentinel, answer in zip(_sentinels(), answers, strict=True):
        if isinstance(answer, Exception):
            found.note_failure(sentinel, answer, NOW)
        else:
            found.note_answer(sentinel, answer)
    return found


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_the_newest_failover_counts(order: tuple[int, ...]) -> None:
    """Whichever Sentinel tells of it, and whichever address is the greater one."""
    for old, new in ((OLD, NEW), (NEW, OLD)):
        answers = [_says(new, 7), _says(old, 6), _says(old, 6)]

        assert _collect(*(answers[at] for at in order)).choose_master() == new


@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (NEW, OLD)])
def test_the_leader_of_a_failover_does_not_count_until_it_is_over(old: Place, new: Place) -> None:
    """It has the epoch of the new master already, and still the address of the old one."""
    leader = _says(old, 7, "failover_in_progress")

    assert _collect(leader, _says(new, 7), _says(new, 7)).choose_master() == new
    with pytest.raises(MasterNotFoundError, match="no other is chosen yet"):
        _collect(leader, _says(old, 6, "s_down"), _says(old, 6, "o_down")).choose_master()


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(_says(OLD, 6, "s_down"), id="down_for_this_sentinel"),
        pytest.param(_says(OLD, 6, "o_down"), id="down_for_most"),
        pytest.param({"m": {**_says(OLD, 6)["m"], "is_master": False}}, id="a_replica"),
    ],
)
def test_a_master_that_is_down_is_none(state: dict[str, Any]) -> None:
    """It may be the master again, so another try is of use."""
    with pytest.raises(MasterNotFoundError) as none:
        _collect(state, state, state).choose_master()

    assert not isinstance(none.value, WrongSentinels | NoSentinel)


def test_a_sentinel_that_does_not_answer_does_not_hide_the_others() -> None:
    """Nor does one that has another master alone."""
    assert _collect(redis.TimeoutError("silent"), {"other": {}}, _says(NEW, 1)).choose_master() == NEW


def test_without_any_answer_nobody_can_tell() -> None:
    """Which is another error than that of Sentinels that know of no master."""
    with pytest.raises(NoSentinel, match=r"the Sentinel a:26379: gone; .*b:26379"):
        _collect(*[redis.ConnectionError("gone")] * 3).choose_master()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param({"x": {}, "other": {}}, r"knows no master m \(it knows other, x\)", id="another_name"),
        pytest.param({}, r"it knows none", id="no_master_at_all"),
        pytest.param(redis.AuthenticationError("WRONGPASS"), "WRONGPASS", id="a_wrong_password"),
        pytest.param(redis.ResponseError("unknown command"), "unknown command", id="a_redis"),
    ],
)
def test_where_all_are_wrong_no_other_try_helps(answer: dict[str, Any] | Exception, says: str) -> None:
    """But while one of them is silent, that one may know."""
    with pytest.raises(WrongSentinels, match=says):
        _collect(answer, answer, answer).choose_master()
    with pytest.raises(MasterNotFoundError) as none:
        _collect(answer, answer, redis.TimeoutError("silent")).choose_master()
    assert not isinstance(none.value, WrongSentinels)


def _asked(silent: set[int], answers: list[dict[str, Any]], now: float) -> list[int]:
    """Which Sentinels are asked where these were silent at `NOW`."""
    sentinels, found, asked = _sentinels(), SentinelAnswers("m", 3), []
    for at in silent:
        SentinelAnswers("m", 3).note_failure(sentinels[at], redis.TimeoutError("silent"), NOW)
    for sentinel in found.next_sentinels(sentinels, now):
        asked.append(sentinels.index(sentinel))
        found.note_answer(sentinel, answers[asked[-1]])
    return asked


def test_all_are_asked_but_one_that_was_silent_only_without_a_majority() -> None:
    """A majority has to name a master: otherwise the silent one is asked as well."""
    good, down = _says(NEW, 1), _says(NEW, 1, "s_down")

    assert _asked(set(), [good] * 3, NOW) == [0, 1, 2]
    assert _asked({0}, [good] * 3, NOW + 1) == [1, 2]
    assert _asked({0, 1}, [good] * 3, NOW + 1) == [2, 0]
    assert _asked({0}, [down] * 3, NOW + 1) == [1, 2, 0]
    assert _asked({0}, [good] * 3, NOW + SILENT_SECONDS) == [0, 1, 2]


def test_accounts_are_tried_from_none_to_that_of_redis() -> None:
    """Only after a refusal of the account, and each once."""
    accounts = Accounts(parse_url("redis+sentinel://who:secret@a:26379/m/0"))
    refused = redis.AuthenticationError("NOAUTH")

    assert accounts.current() == {"username": None, "password": None}
    assert not accounts.try_next(redis.TimeoutError("silent"))
    assert accounts.try_next(refused)
    assert accounts.current() == {"username": "who", "password": "secret"}
    assert not accounts.try_next(refused)


def test_the_account_of_the_sentinels_is_the_only_one_that_is_tried() -> None:
    """Without an account of any kind, none is."""
    url = "redis+sentinel://who:secret@a:26379/m/0?sentinel_username=s&sentinel_password=t"
    own, none = Accounts(parse_url(url)), Accounts(parse_url("redis+sentinel://a:26379/m/0"))

    assert own.current() == {"username": "s", "password": "t"}
    assert none.current() == {"username": None, "password": None}
    assert not own.try_next(redis.AuthenticationError("WRONGPASS"))
    assert not none.try_next(redis.AuthenticationError("NOAUTH"))


def test_the_client_of_a_sentinel_is_made_anew_with_another_account() -> None:
    """And stays as it is for any other error."""
    (sentinel,) = _sentinels("redis+sentinel://:secret@a:26379/m/0")
    first = sentinel.client

    assert not sentinel.switch_account(redis.TimeoutError("silent"))
    assert sentinel.client == first
    assert sentinel.switch_account(redis.AuthenticationError("NOAUTH"))
    assert sentinel.client == (("a", 26379), {"username": None, "password": "secret"})


def test_a_try_has_time_for_all_sentinels_and_for_redis() -> None:
    """At most a second for each."""
    assert ask_seconds(parse_url(URL), 2.0) == 0.5
    assert ask_seconds(parse_url(URL), 60.0) == 1.0
