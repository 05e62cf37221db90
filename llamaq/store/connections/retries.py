"""Which calls of Redis are tried again, and when."""

import redis
from redis.exceptions import MaxConnectionsError, ReadOnlyError, ResponseError

from llamaq.store.connections.deadline import seconds_left
from llamaq.store.connections.sentinel_answers import NoSentinel, WrongSentinels
from llamaq.store.connections.tls_handshake import PLAIN
from llamaq.store.script_runs import Reply

TRIES = 4
PAUSES = (0.003, 0.012, 0.05)
"""Before the second try, the third and the last, as parts of the limit: of 15 s, 0.05 s to 0.75 s."""
_PARTS = 3


class Retrying:
    """Which errors are tried again, and when.

    Attributes:
        closed: the client was closed, so a call that fails with its connection is not tried again.
    """

    def __init__(self, limit_seconds: float, *, retry: bool, failover: bool) -> None:
        self.limit_seconds = limit_seconds
        self.try_seconds = limit_seconds / _PARTS if retry else limit_seconds
        # Where Sentinels answer, a new master is on its way: the call is tried until its limit.
        self._failover = failover and retry
        self._tries = TRIES if retry else 1
        self.closed = False

    def next_pause(self, tries: int, error: Exception) -> float:
        """The seconds until the next try. Raises the error where there is none."""
        again = isinstance(error, redis.ConnectionError | redis.TimeoutError | ReadOnlyError) and not is_final(error)
        if self.closed or not again or (tries >= self._tries and (not self._failover or isinstance(error, NoSentinel))):
            raise error
        pause = PAUSES[min(tries, len(PAUSES)) - 1] * self.limit_seconds
        if seconds_left() <= pause:
            raise error
        return pause


def require_master(replies: list[Reply]) -> list[Reply]:
    """Require that the server is still the master: else all is asked for again, over a new connection."""
    for reply in replies:
        if isinstance(reply, ResponseError) and is_read_only(reply):
            raise reply if isinstance(reply, ReadOnlyError) else ReadOnlyError(str(reply))
    return replies


def is_final(error: Exception) -> bool:
    """Whether another try does not mend an error of a connection."""
    wrong = redis.AuthenticationError | MaxConnectionsError | WrongSentinels
    # redis-py makes a ConnectionError of each failure of TLS, so the text alone tells.
    return isinstance(error, wrong) or any(text in str(error) for text in (PLAIN, "CERTIFICATE_VERIFY_FAILED"))


def is_read_only(reply: Reply) -> bool:
    """Whether a replica refuses to write. A script says so in an error of its own."""
    return isinstance(reply, ReadOnlyError) or (isinstance(reply, ResponseError) and "read only replica" in str(reply))
