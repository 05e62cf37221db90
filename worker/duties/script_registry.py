"""Keeps the fleet's scripts loaded in Redis, and publishes which they are.

1. Each worker writes the scripts of its version into a hash, and asks Redis whether it has them loaded: the worker that
   leads the reaper once a second, the others every few seconds. After a restart of Redis it loads every version in the
   hash, because producers may load none. The hash is outside the keys that a producer may write: otherwise a producer
   could have its own scripts loaded.
2. The worker that leads publishes which scripts are the fleet's, and another one where nobody has done so a moment ago.
   Producers and workers of another version call the published ones (`llamaq/store/script_runs.py`).
"""

import hashlib
import json
from collections.abc import Callable

import structlog

from llamaq.store import script_runs, scripts
from llamaq.store.connection import raised, run
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import PRODUCER_SCRIPTS
from llamaq.store.redis_client import Client
from llamaq.store.script_runs import Call
from llamaq.store.scripts import Script
from llamaq.store.worker.worker_scripts import WORKER_SCRIPTS, Publish
from worker.duties.duty import Duty

ROUND_SECONDS = 1.0
PUBLISH_EVERY = 5
"""One of so many rounds publishes; a worker that does not lead the reaper does these rounds alone."""
PUBLISHED_SECONDS = 15
"""A version stays published for this long after its last worker. By then its hosts get no more jobs either."""
_log = structlog.get_logger(__name__)


def fleet_scripts() -> list[Script]:
    """Every script that a producer runs, and the scripts with which a worker assigns jobs."""
    loaded = [scripts.load(arguments) for arguments in WORKER_SCRIPTS]
    return [scripts.load(arguments) for arguments in PRODUCER_SCRIPTS] + [each for each in loaded if each.assigns]


class ScriptRegistry(Duty):
    """The duty that loads and publishes the scripts."""

    name = "script-registry"
    stops_at = "drain"  # until the last end is written: an older worker would publish scripts that do not know it
    when_redis_fails = "the fleet's scripts could not be checked"

    def __init__(self, client: Client, keys: Keys, leads: Callable[[], bool] = lambda: False) -> None:
        """`leads` says whether this worker leads the reaper."""
        super().__init__()
        self._leads = leads
        self._rounds = 0
        self._client = client
        self._keys = keys
        self._own = fleet_scripts()
        by_verb = {script.name: script_runs.published(script) for script in self._own if script.assigns}
        self._publish = Publish(
            version=scripts.STORE_VERSION,
            digest=scripts.digest(),
            scripts=json.dumps(by_verb),
            seconds=PUBLISHED_SECONDS,
        )

    def round(self) -> float:
        """Load the scripts that Redis lacks, and publish now and then."""
        leads, has_scripts = self._leads(), self._has_scripts()
        if not has_scripts or (not self._rounds and (leads or not self._is_published())):
            if loaded := self.load():
                _log.info("scripts loaded for the fleet", scripts=loaded)
            self.publish()
        self._rounds = self._rounds or PUBLISH_EVERY
        skipped = 1 if leads else self._rounds
        self._rounds -= skipped
        return ROUND_SECONDS * skipped

    def _is_published(self) -> bool:
        """Whether a worker of this version has published within `PUBLISH_EVERY` seconds, as the one that leads does."""
        store = self._keys.store()
        replies = self._client.execute_all([["HGET", store, "digest"], ["TTL", store]])
        digest, left = (raised(reply) for reply in replies)
        return digest == self._publish.digest and isinstance(left, int) and left >= PUBLISHED_SECONDS - PUBLISH_EVERY

    def load(self) -> int:
        """Load all scripts of the hash, if Redis lacks any of this version; returns how many were loaded.

        Raises:
            RedisError: Redis does not answer, or does not let this user load scripts.
        """
        registry = self._keys.scripts()
        if self._has_scripts() and self._client.hget(registry, self._own[0].sha) is not None:
            return 0
        self._client.hset(registry, mapping={script.sha: script.text for script in self._own})
        texts = self._client.hgetall(registry)
        # A text that was damaged, or written by hand, must not run under another script's name.
        whole = [text for sha, text in texts.items() if _sha(text) == sha]
        for text in whole:
            self._client.script_load(text)
        return len(whole)

    def _has_scripts(self) -> bool:
        return all(self._client.script_exists(*[script.sha for script in self._own]))

    def publish(self) -> bool:
        """Publish the scripts of this version for `PUBLISHED_SECONDS`; False where another version is published."""
        return run(self._client, Call(self._keys.prefix, self._publish)).word == "OK"


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
