"""Keeps the SDK's scripts in Redis, for producers that may run them and may not load any.

Each worker writes the scripts of its own version into a hash, and once a second asks Redis whether it knows them. After
a restart of Redis it loads every version that any worker ever wrote: a backend that is updated later than the workers
goes on working. The hash lies outside the keys that a producer may touch; else it could have scripts of its own loaded.
"""

import hashlib

import structlog
from redis.exceptions import RedisError

from llamaq.store import scripts
from llamaq.store.connection import Client
from llamaq.store.scripts import Script
from worker.duties.duty import Duty
from worker.telemetry.throttled_warning import ThrottledWarning

ROUND_SECONDS = 1.0
_log = structlog.get_logger(__name__)


def sdk_scripts() -> list[Script]:
    """Every script that a producer runs."""
    return scripts.verbs(of="producer")


class ScriptRegistry(Duty):
    """The thread that looks after them; what is loaded stays. `shelf` is the hash: SHA-1 to text."""

    def __init__(self, client: Client, shelf: str) -> None:
        self._client = client
        self._shelf = shelf
        self._own = sdk_scripts()
        self._complaint = ThrottledWarning("the producers' scripts could not be looked after")
        super().__init__("library")

    def keep(self) -> int:
        """Load what Redis does not know; returns how many it had to.

        Raises:
            RedisError: Redis does not answer, or does not let this user load scripts.
        """
        shas = [script.sha for script in self._own]
        if all(self._client.script_exists(*shas)) and None not in self._client.hmget(self._shelf, shas[:1]):
            return 0
        self._client.hset(self._shelf, mapping={script.sha: script.text for script in self._own})
        texts = self._client.hgetall(self._shelf)
        # What was written by hand, or damaged, is not run under another script's name.
        whole = [text for sha, text in texts.items() if _sha(text) == sha]
        for text in whole:
            self._client.script_load(text)
        return len(whole)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if loaded := self.keep():
                    _log.info("scripts loaded for the producers", scripts=loaded)
            except (RedisError, OSError) as error:
                self._complaint.make(error)
            else:
                self._complaint.settle()
            self._stopping.wait(ROUND_SECONDS)


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
