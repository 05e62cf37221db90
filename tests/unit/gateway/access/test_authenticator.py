"""Whose request it is, by its key; and that wrong keys are slow, but not too many at a time."""

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request

from gateway.access import authenticator
from gateway.access.authenticator import Authenticator
from gateway.access.caller import LOCAL, Caller
from gateway.access.keys_file import Entry, KeysFile, hash_key, render_line
from gateway.http.errors import GatewayError
from llamaq.client.aio.connection import AsyncConnection
from llamaq.settings.producer import Settings
from llamaq.store.clock import SYSTEM

ALICE = Caller("alice", "acme")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authenticator:
    """With the key `right` of alice's; wrong keys are answered at once."""
    monkeypatch.setattr(authenticator, "SLOW_SECONDS", 0)
    path = tmp_path / "keys"
    path.write_text(render_line(Entry(hash_key("right"), ALICE)))
    return _make_authenticator(KeysFile.of(str(path)))


def _make_authenticator(keys: KeysFile | None) -> Authenticator:
    return Authenticator(keys, AsyncConnection("redis://127.0.0.1:1/0", Settings(), SYSTEM))  # it is not asked


def _request(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("authorization", "found"),
    [
        ("Bearer right", ALICE),
        ("bearer right", ALICE),
        ("BEARER   right ", ALICE),
        ("Basic right", None),
        ("right", None),
        ("Bearer", None),
        ("Bearer wrong", None),
        (None, None),
    ],
)
def test_a_key_is_a_bearer_token(keys: Authenticator, authorization: str | None, found: Caller | None) -> None:
    """The scheme in any case, and no other scheme."""
    assert asyncio.run(keys.authenticate(_request(authorization))) == found


def test_without_a_file_of_keys_everybody_is_the_local_caller() -> None:
    """Whatever key is sent."""
    assert asyncio.run(_make_authenticator(None).authenticate(_request("Bearer any"))) is LOCAL


def test_so_many_wrong_keys_wait_and_further_ones_are_refused(
    keys: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once; a right key and a request without one wait for nothing; afterwards there is room again."""
    monkeypatch.setattr(authenticator, "MOST_SLOW", 2)

    async def ask() -> None:
        monkeypatch.setattr(authenticator, "SLOW_SECONDS", 3600)
        waiting = [asyncio.create_task(keys.find_holder("wrong")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(GatewayError) as refused:
            await keys.find_holder("wrong")
        assert (refused.value.status, refused.value.code, refused.value.retry_after) == (
            429,
            "too_many_wrong_keys",
            3600,
        )
        assert await keys.find_holder("right") == ALICE
        assert await keys.find_holder("") is None
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()  # their clients have left
        await asyncio.wait(waiting)
        monkeypatch.setattr(authenticator, "SLOW_SECONDS", 0)
        assert await keys.find_holder("wrong") is None

    asyncio.run(asyncio.wait_for(ask(), 60))
