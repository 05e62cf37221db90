"""Writes the events of a worker's attempts into the logs of their jobs.

The script `append.lua` checks the fence of an attempt, appends its first events and renews its lease. Most later events
are appended by plain commands in a transaction, which cost Redis less than half as much. The connection watches the
generation of the host. Whatever takes a fence from a running attempt writes that key (`fences.lua`). Redis then drops a
transaction that comes later, and the script says which attempts may still write. One round trip has:

1. the transaction, for the attempts that the script has confirmed in this generation;
2. WATCH and GET of the generation, for the next transaction;
3. the script, for the others and for those that renew their leases. So while an attempt writes, its fence is also
   checked once a second.

An event has the same effects either way. Where the connection is lost, all go by the script, which writes none twice.
"""

import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any

from redis.exceptions import RedisError

from llamaq.store.answers import Answer
from llamaq.store.clock import Clock
from llamaq.store.connections.deadline import time_limit
from llamaq.store.connections.packing import pack_command
from llamaq.store.connections.retries import require_master
from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import drive_steps, run_many
from llamaq.store.script_runs import Command, Reply, begin_steps
from llamaq.store.worker.flushes import (
    MOST_ATTEMPTS,
    MOST_CHARS,
    Flush,
    Written,
    build_calls,
    count_running_jobs,
    read_outcomes,
)
from llamaq.store.worker.transaction import Transaction, fits_transaction

_NAME_BYTES = 8


class AttemptLogs:
    """The logs of one worker's attempts, which are all at its host. One thread at a time calls it.

    Attributes:
        jobs: how many run in the fleet, or are about to, as Redis said last.
    """

    def __init__(
        self, client: Client, keys: Keys, lease_seconds: float, clock: Clock, pause_seconds: float = 0
    ) -> None:
        """Create the logs.

        Args:
            client: answers in text.
            keys: of the fleet.
            lease_seconds: how long an attempt may be silent.
            clock: gives the time.
            pause_seconds: between a transaction and the read of its reply. Redis has mostly replied by then, so a
                thread that pauses in between its writes is woken once and not twice.
        """
        self.jobs = 0
        self._client = client
        self._keys = keys
        self._lease = lease_seconds
        self._clock = clock
        self._pause = pause_seconds
        self._connection: Any = None  # redis-py's, which has no types
        self._number = 0  # of the times that Redis may have lost events: a new connection, a dropped transaction
        self._generation = ""  # that number, and what the connection watches; empty where it watches nothing
        self._ahead = 0.0  # Redis' clock less the monotonic one, when it answered last

    def write(self, flushes: Sequence[Flush]) -> list[Written]:
        """Write them, and renew leases. What was written before is not written again.

        Raises:
            RedisError: Redis does not answer.
            OSError: As above.
        """
        with time_limit(self._client.limit_seconds):
            try:
                with time_limit(self._client.try_seconds):
                    return self._write_once(flushes)
            except (RedisError, OSError):
                return self._read_outcomes(
                    flushes, run_many(self._client, build_calls(self._keys, self._lease, flushes)), ""
                )

    def release(self) -> None:
        """Give the connection back. The next write takes one again."""
        connection, self._connection, self._generation = self._connection, None, ""
        if connection is not None:
            self._client.give_back(connection)

    def _write_once(self, flushes: Sequence[Flush]) -> list[Written]:
        """Write them in one round trip, and in another one where the transaction was dropped."""
        quick, others = self._split(flushes)
        transaction = Transaction(self._keys, quick, self._clock.monotonic() + self._ahead)
        # UNWATCH: a write of the generation that was watched would drop the next transaction.
        first: Sequence[Command] = transaction.commands if quick else [("UNWATCH",)]
        watching = self._watch_commands(flushes[0].job.host)
        steps, scripts = begin_steps(build_calls(self._keys, self._lease, others)) if others else (None, ())
        replies = self._exchange([*first, *watching, *scripts], self._pause if quick else 0)
        appended = transaction.read_reply(replies[len(first) - 1]) if quick else []
        if appended is None:
            self._number += 1
        self._note_watch(replies[len(first) : len(first) + len(watching)])
        if steps is None and appended is not None:
            return appended
        answers = drive_steps(self._client, steps, replies[len(first) + len(watching) :]) if steps else []
        written = self._read_outcomes(others, answers, self._generation)
        written += self._write_once([flush._replace(place=None) for flush in quick]) if appended is None else appended
        found = dict(zip([flush.job.fence for flush in (*others, *quick)], written, strict=True))
        return [found[flush.job.fence] for flush in flushes]

    def _split(self, flushes: Sequence[Flush]) -> tuple[list[Flush], list[Flush]]:
        """Split off those that go by a transaction; the others go by the script."""
        quick: list[Flush] = []
        others: list[Flush] = []
        chars = 0
        for flush in flushes:
            chars += flush.chars
            fits = chars <= MOST_CHARS and len(quick) < MOST_ATTEMPTS
            (quick if fits and self._is_confirmed(flush) else others).append(flush)
        return quick, others

    def _is_confirmed(self, flush: Flush) -> bool:
        known = flush.place is not None and flush.place.generation == self._generation
        return known and not flush.renews and fits_transaction(flush)

    def _watch_commands(self, host: str) -> Sequence[Command]:
        key = self._keys.generation(host)
        if self._generation:
            return _pack_watch(key)
        # A key that is there, so that its removal is seen too.
        return [("SET", key, secrets.token_hex(_NAME_BYTES), "NX"), *_pack_watch(key)]

    def _note_watch(self, replies: Sequence[Reply]) -> None:
        *_, watch, generation, time = replies
        is_watched = isinstance(generation, str) and not isinstance(watch, Exception)
        self._generation = f"{self._number} {generation}" if is_watched and isinstance(time, list) else ""
        if isinstance(time, list):
            seconds, microseconds = time
            self._ahead = int(seconds) + int(microseconds) / 1e6 - self._clock.monotonic()

    def _exchange(self, commands: Sequence[Command], pause: float) -> list[Reply]:
        connection, generation = self._connection, self._generation
        if connection is None:
            self._number += 1
        self._connection, self._generation = None, ""  # where this fails, nothing is watched
        connection = self._client.send(commands, connection)
        try:
            if pause:
                self._clock.sleep(pause)
            replies = require_master(self._client.receive(connection, commands))
        except BaseException:
            self._client.give_back(connection, lost=True)
            raise
        self._connection, self._generation = connection, generation
        return replies

    def _read_outcomes(
        self, flushes: Sequence[Flush], answers: Sequence[Answer | Exception], generation: str
    ) -> list[Written]:
        self.jobs = count_running_jobs(answers, self.jobs)
        return read_outcomes(answers, flushes, generation)


@cache
def _pack_watch(key: str) -> Sequence[Command]:
    """Pack the commands that each write of a worker has, once."""
    return [pack_command("WATCH", key), pack_command("GET", key), pack_command("TIME")]
