"""The failing duties of the fleet's workers, where `run.py worker check` reads them."""

from dataclasses import dataclass

from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client

KEPT_SECONDS = 60
"""How long a note is kept after the last failed round. It is longer than the longest pause between two rounds."""


@dataclass(frozen=True, slots=True)
class FailingDuty:
    """A duty of a worker that has failed for too long, and the seconds since its last failed round."""

    host: str
    worker: str
    duty: str
    seconds_ago: float


class FailingDuties:
    """A sorted set of `<worker> <duty> <host>` by the time of the last failed round."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._key = keys.failing()

    def note(self, host: str, worker: str, duty: str) -> None:
        """Note a failed round of a failing duty.

        Raises:
            RedisError: Redis does not answer, or refuses.
        """
        now = self._now()
        self._client.zremrangebyscore(self._key, 0, now - KEPT_SECONDS)
        self._client.zadd(self._key, {f"{worker} {duty} {host}": now})
        self._client.expire(self._key, KEPT_SECONDS)

    def read(self) -> list[FailingDuty]:
        """The notes of the last `KEPT_SECONDS`.

        Raises:
            RedisError: Redis does not answer, or refuses.
        """
        now = self._now()
        found = []
        for member, at in self._client.zrange(self._key, 0, -1, withscores=True):
            worker, _, named = member.partition(" ")
            duty, _, host = named.partition(" ")
            if now - at <= KEPT_SECONDS:
                found.append(FailingDuty(host, worker, duty, max(now - at, 0.0)))
        return found

    def _now(self) -> float:
        seconds, micros = self._client.time()
        return seconds + micros / 1e6
