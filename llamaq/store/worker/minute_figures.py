"""Writes the figures of each minute: what a worker has counted, and what the leader reads of the fleet."""

import math
from collections import Counter
from collections.abc import Mapping

from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import run, unwrap
from llamaq.store.script_runs import Call
from llamaq.store.worker.worker_scripts import Gauges
from llamaq.vocabulary.status import TERMINAL_STATES

KEPT_MINUTES = 24 * 60
ENDED, WAITING, FIRST = "ended:", "waiting:", "first:"
"""Beginnings of fields of the hash of a minute: totals of ended jobs, jobs that wait, and buckets of first tokens."""
_FIRST_BOUND, _GROWTH, _LAST = 0.02, 1.25, 60
_KEPT_SECONDS = str(60 * (KEPT_MINUTES + 5))


class MinuteFigures:
    """The hash of the current minute, by Redis' clock."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def write(self, counted: Mapping[str, int], *, leads: bool) -> None:
        """Add what was counted since the last call; the leader also writes what it sees of the fleet.

        Raises:
            RedisError: Redis does not answer, or refuses.
        """
        if not counted and not leads:
            return
        key = self._keys.minute(self._client.time()[0] // 60)
        commands = [["HINCRBY", key, name, str(number)] for name, number in counted.items()]
        if leads:
            seen = [text for name, number in self._read_fleet().items() for text in (name, str(number))]
            commands.append(["HSET", key, *seen])
        for reply in self._client.execute_all([*commands, ["EXPIRE", key, _KEPT_SECONDS]]):
            unwrap(reply)

    def _read_fleet(self) -> dict[str, int]:
        answer = run(self._client, Call(self._keys.prefix, Gauges()))
        waiting: Counter[str] = Counter()
        for row in answer.rows("queues"):
            waiting[row.text("lane")] += row.integer("depth")
        hosts = [row for row in answer.rows("hosts") if row.integer("up")]
        ended = answer.counts("ended")
        return {
            **{f"{ENDED}{state}": int(ended.get(state, 0)) for state in sorted(TERMINAL_STATES)},
            **{f"{WAITING}{lane}": number for lane, number in waiting.items()},
            "slots": sum(row.integer("slots") for row in hosts),
            "slots_used": sum(row.integer("slots_used") for row in hosts),
        }


def bucket(seconds: float) -> int:
    """The bucket that counts a time; each is a quarter longer than the one before."""
    if seconds <= _FIRST_BOUND:
        return 0
    return min(math.ceil(math.log(seconds / _FIRST_BOUND) / math.log(_GROWTH)), _LAST)


def quantile(counts: dict[int, int], share: float) -> float | None:
    """The time below which this share of the counted times is; None where nothing was counted."""
    left = share * sum(counts.values())
    for index in sorted(counts):
        left -= counts[index]
        if left <= 0:
            return float(_FIRST_BOUND * _GROWTH ** (index - 0.5))  # the middle of the bucket
    return None
