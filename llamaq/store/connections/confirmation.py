"""Asks for a replica that has what a call wrote or read, before the call counts.

Redis replicates after it has answered, so a failover loses what the old master alone had. With `WAIT` in the round
trip of a call, the answer comes when a replica has all that the master had then. Only a master with
`min-replicas-to-write` is asked so: it refuses writes while it has no replica, so a call that no replica confirms
fails, and is tried again. Other masters go on without a replica, and so do the calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from llamaq.store.clock import SYSTEM
from llamaq.store.script_runs import Command, Reply

WAIT_SECONDS = 1.0
"""For the replica; less where a try has less."""
LOOK_SECONDS = 60.0
"""After which a client looks again whether the master needs a replica."""
NEEDS_ONE = "min_slaves_good_slaves"
"""Redis tells it in `INFO replication` where `min-replicas-to-write` is set."""


class Confirmation:
    """The commands that are sent behind those of a call, and what their answers mean."""

    def __init__(self, channel: str, try_seconds: float) -> None:
        """Make it; `channel` is one to which nobody listens."""
        self._seconds = min(WAIT_SECONDS, try_seconds / 2)
        # Since Redis 7.2, WAIT waits for what this connection has written, and a call may have written nothing.
        self._commands = ("PUBLISH", channel, ""), ("WAIT", 1, int(self._seconds * 1000))
        self._needed = False
        self._looks_at = 0.0

    def is_unknown(self) -> bool:
        """Whether to ask for `INFO replication`, and to hand it to `note_replication`."""
        return SYSTEM.monotonic() >= self._looks_at

    def note_replication(self, replication: Mapping[str, Any]) -> None:
        """Note whether the master needs a replica."""
        self._needed = NEEDS_ONE in replication
        self._looks_at = SYSTEM.monotonic() + LOOK_SECONDS

    def commands(self) -> Sequence[Command]:
        """The commands; none where the master needs no replica."""
        return self._commands if self._needed else ()

    def check(self, replicas: Reply) -> None:
        """Check the answer of `WAIT`.

        Raises:
            redis.ConnectionError: no replica has it, or the server has become a replica itself.
            NoPermissionError: the user may not ask.
        """
        if isinstance(replicas, NoPermissionError):
            raise replicas
        if isinstance(replicas, Exception):
            raise redis.ConnectionError(f"no replica confirms the call: {replicas}")
        if replicas == 0:
            raise redis.ConnectionError(
                f"no replica has confirmed the call within {self._seconds:.3g} s (min-replicas-to-write)"
            )
