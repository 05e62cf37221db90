"""What was set aside because something else had written over it, as `set_aside.lua` notes it."""

import json
from dataclasses import dataclass

from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client


@dataclass(frozen=True, slots=True)
class DamagedKey:
    """A key, or a field of a hash: what was found there, what has to be there, and the seconds since then."""

    key: str
    field: str
    found: str
    wanted: str
    seconds_ago: float


def read(client: Client, keys: Keys) -> list[DamagedKey]:
    """All that is noted, the latest first.

    Raises:
        RedisError: Redis does not answer, or refuses.
    """
    seconds, _ = client.time()
    noted = reversed(client.zrange(keys.damaged(), 0, -1, withscores=True))
    return [DamagedKey(**json.loads(note), seconds_ago=max(seconds - at, 0.0)) for note, at in noted]
