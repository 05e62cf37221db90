"""Keeps the fleet's scripts loaded in Redis, and publishes which they are.

1. The worker that leads the reaper asks Redis every second whether it has the scripts loaded. Where it has not, the
   worker writes those of its version into a hash, and loads every version in the hash, because producers may load none.
   The hash is outside the keys that a producer may write: otherwise a producer could have its own scripts loaded.
2. It also publishes every few seconds which scripts are the fleet's. Producers and workers of another version call the
   published ones (`llamaq/store/script_runs.py`).
3. Where nobody has published this version a moment ago, as where the leader is of another one, a worker that does not
   lead does both every few seconds.
"""

import hashlib
import json
from collections.abc import Callable

import structlog

from llamaq.store import script_runs, scripts
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import PRODUCER_SCRIPTS
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import run, unwrap
from llamaq.store.script_runs import Call
from llamaq.store.scripts import Script
from llamaq.store.worker.worker_scripts import WORKER_SCRIPTS, Publish
from worker.duties.duty import Duty

ROUND_SECONDS = 1.0
PUBLISH_EVERY = 5
"""One of so many rounds publishes; a worker that does not lead the reaper does these rounds alone."""
LATE_SECONDS = 0.5
"""By how much the leader may be late."""
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
        self._publishes = False
        self._client = client
        self._keys = keys
        self._own = fleet_scripts()
        by_verb = {script.name: script_runs.encode_published(script) for script in self._own if script.assigns}
        self._publish = Publish(
            version=scripts.STORE_VERSION,
            digest=scripts.digest(),
            scripts=json.dumps(by_verb),
            seconds=PUBLISHED_SECONDS,
        )

    def run_round(self) -> float:
        """Load the scripts that Redis lacks, and publish now and then."""
        leads = self._leads()
        due = (not self._rounds or not self._has_scripts()) if leads else not self._is_published()
        if due:
            if loaded := self.load():
                _log.info("scripts loaded for the fleet", scripts=loaded)
            self.publish()
        self._publishes = due
        self._rounds = self._rounds or PUBLISH_EVERY
        skipped = 1 if leads else self._rounds
        self._rounds -= skipped
        return ROUND_SECONDS * skipped

    def _is_published(self) -> bool:
        """Whether a worker of this version has published a moment ago, as the one that leads does; it has looked, too.

        Where this worker did so with its last round, another one must have done so since.
        """
        store = self._keys.store()
        replies = self._client.execute_all([["HGET", store, "digest"], ["PTTL", store]])
        digest, left = (unwrap(reply) for reply in replies)
        most_ago = PUBLISH_EVERY + (-LATE_SECONDS if self._publishes else LATE_SECONDS)
        ago = PUBLISHED_SECONDS - left / 1000 if isinstance(left, int) else PUBLISHED_SECONDS
        return digest == self._publish.digest and ago <= most_ago

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
