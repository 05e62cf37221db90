"""A call counts when a replica has it; a master that may be without one goes on."""

from typing import Any

import pytest
import redis
from redis.exceptions import NoPermissionError, ResponseError

from llamaq.store.connections import clients, confirmation
from llamaq.store.connections.confirmation import Confirmation

CHANNEL = "p:confirmed"


def _needed(try_seconds: float) -> Confirmation:
    confirmation = Confirmation(CHANNEL, try_seconds)
    confirmation.note_replication({"min_slaves_good_slaves": 1})
    return confirmation


def test_the_wait_is_part_of_a_try() -> None:
    """A second at most, and behind a write of its own: Redis 7.2 waits for nothing else."""
    assert _needed(5.0).commands() == (("PUBLISH", CHANNEL, ""), ("WAIT", 1, 1000))
    assert _needed(0.5).commands()[-1] == ("WAIT", 1, 250)


def test_one_replica_is_enough() -> None:
    """Sentinels choose the replica that has most."""
    _needed(5.0).check(1)
    _needed(5.0).check(2)
    with pytest.raises(redis.ConnectionError, match="within 1 s"):
        _needed(5.0).check(0)


def test_an_error_is_no_confirmation() -> None:
    """That of a server which has become a replica leads to another try; a missing right does not."""
    with pytest.raises(redis.ConnectionError, match="UNBLOCKED"):
        _needed(5.0).check(ResponseError("UNBLOCKED force unblock"))
    with pytest.raises(NoPermissionError):
        _needed(5.0).check(NoPermissionError("no permissions to run the 'wait' command"))


class Master:
    """A server with or without `min-replicas-to-write`, whose replicas are gone."""

    def __init__(self, *, needs_one: bool) -> None:
        self.replication: dict[str, Any] = {"min_slaves_good_slaves": 0} if needs_one else {"connected_slaves": 0}
        self.sent: list[str] = []

    def answer(self, *command: Any, **_: Any) -> Any:
        self.sent.append(command[0])
        return self.replication if command[0] == "INFO" else 0

    def answers(self, commands: Any) -> list[Any]:
        return [self.answer(*command) for command in commands]


def _client(master: Master, monkeypatch: pytest.MonkeyPatch) -> Any:
    client = clients.connect("redis+sentinel://a/m/0", limit_seconds=0.5, confirmed_on=CHANNEL)
    monkeypatch.setattr(client, "_execute", master.answer)
    monkeypatch.setattr(client, "_exchange", master.answers)
    return client


def test_a_master_that_needs_a_replica_confirms_nothing_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again until the limit."""
    master = Master(needs_one=True)
    client = _client(master, monkeypatch)

    with pytest.raises(redis.ConnectionError, match="no replica has confirmed the call"):
        client.execute_all([("EVALSHA", "x")])
    assert master.sent.count("EVALSHA") > 1


def test_another_master_goes_on_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for. What it needs is looked at again after a minute."""
    master = Master(needs_one=False)
    client = _client(master, monkeypatch)

    for _ in range(2):
        assert client.execute_all([("EVALSHA", "x")]) == [0]
    assert master.sent == ["INFO", "EVALSHA", "EVALSHA"]

    monkeypatch.setattr(confirmation, "LOOK_SECONDS", -1.0)
    client._confirmation.note_replication({"min_slaves_good_slaves": 1})
    client.execute_all([("EVALSHA", "x")])
    assert master.sent[3:] == ["INFO", "EVALSHA"]


def test_without_sentinels_nothing_is_asked() -> None:
    """Nor by a worker, whose jobs run again."""
    assert clients.connect("redis://a/0", confirmed_on=CHANNEL)._confirmation is None  # type: ignore[attr-defined]
    assert clients.connect("redis+sentinel://a/m/0")._confirmation is None  # type: ignore[attr-defined]
