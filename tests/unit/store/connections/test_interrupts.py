"""A signal whose handler raises (Ctrl-C, a soft time limit of Celery), wherever it comes within a call."""

import gc
import sys
from types import FrameType
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from llamaq.store.connections import deadline
from llamaq.store.connections.clients import connect
from llamaq.store.redis_client import Client

OURS = "store/connections/"
THEIRS = ("redis/connection.py", "redis/_parsers/")
DATABASE = 3


class Interrupted(BaseException):
    """What the handler raises."""


def _interrupted(client: Client, number: int) -> bool:
    """Make a call, and raise at the so-manieth line of ours, or call within redis-py. Whether it had so many."""
    seen = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        ours = OURS in frame.f_code.co_filename
        if not (ours or any(part in frame.f_code.co_filename for part in THEIRS)):
            return None
        seen += event == "call" or (ours and event == "line")
        if seen == number:
            sys.settrace(None)
            raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        client.execute_all([["ECHO", "x"], ["TYPE", "y"]])
    except Interrupted:
        pass
    finally:
        sys.settrace(before)
    return seen >= number


def _database(client: Client) -> str:
    one, two, about = client.execute_all([["ECHO", "one"], ["ECHO", "two"], ["CLIENT", "INFO"]])
    assert (one, two) == ("one", "two")
    return str(about).partition(" db=")[2].split()[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may come within a `__del__`
@pytest.mark.parametrize("connected", [True, False])
def test_the_next_call_has_its_own_replies_database_and_time(redis_server: EmbeddedRedis, connected: bool) -> None:
    """Neither the late replies of the one before, nor a connection without its database, nor the rest of its limit.

    The one connection that the client may have is not lost to it either.
    """
    url = redis_server.url.rpartition("/")[0] + f"/{DATABASE}"
    number, more = 0, True
    while more:
        number += 1
        client: Any = connect(url, most=1)
        if connected:
            client.execute_all([["PING"]])
        more = _interrupted(client, number)

        if client.connection_pool._in_use_connections or deadline.seconds_left() < float("inf"):
            gc.collect()  # the tracing keeps frames in circles
        assert _database(client) == str(DATABASE)
        assert deadline.seconds_left() == float("inf")
        client.close()

    assert number > 50
