"""Keeps the SDK's scripts loaded in Redis, for producers that may run scripts and may not load any.

Each worker writes the scripts of its own version into a hash, and asks Redis once a second whether it knows them. After
a restart of Redis it loads every version that any worker ever wrote, so that a backend that is updated later than the
workers goes on working. The hash lies outside the keys that a producer may write: else a producer could have scripts of
its own loaded.
"""

import hashlib

import structlog

from llamaq.store import scripts
from llamaq.store.connection import Client
from llamaq.store.scripts import Script
from worker.duties.duty import Duty

ROUND_SECONDS = 1.0
_log = structlog.get_logger(__name__)


def sdk_scripts() -> list[Script]:
    """Every script that a producer runs."""
    return scripts.verbs(of="producer")


class ScriptRegistry(Duty):
    """The duty that loads them."""

    name = "script-registry"
    when_redis_fails = "the producers' scripts could not be checked"

    def __init__(self, client: Client, registry: str) -> None:
        """Make it; `registry` is the key of the hash: SHA-1 to text."""
        super().__init__()
        self._client = client
        self._registry = registry
        self._own = sdk_scripts()

    def round(self) -> float:
        """Load what Redis has forgotten."""
        if loaded := self.keep():
            _log.info("scripts loaded for the producers", scripts=loaded)
        return ROUND_SECONDS

    def keep(self) -> int:
        """Load what Redis does not know; returns how many it had to.

        Raises:
            RedisError: Redis does not answer, or does not let this user load scripts.
        """
        shas = [script.sha for script in self._own]
        if all(self._client.script_exists(*shas)) and None not in self._client.hmget(self._registry, shas[:1]):
            return 0
        self._client.hset(self._registry, mapping={script.sha: script.text for script in self._own})
        texts = self._client.hgetall(self._registry)
        # What was written by hand, or damaged, is not run under another script's name.
        whole = [text for sha, text in texts.items() if _sha(text) == sha]
        for text in whole:
            self._client.script_load(text)
        return len(whole)


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
