"""The inbox, a stream for producers that have plain Redis alone.

A job is `XADD <prefix>:inbox * id <uuid> kind <kind> request <json>`. A cancel is `XADD <prefix>:inbox * cancel <id>`,
with an optional `reason`.

A consumer group shares the stream among all workers. An entry is deleted only after its job is queued or set aside.
Another worker reads again what a dead worker had read. A second submit of the same id has no effect.
"""

import json
from collections.abc import Sequence
from typing import Any

import structlog
from redis.exceptions import RedisError, ResponseError

from llamaq.client.blocking.queue import JobQueue
from llamaq.store.keys import Keys, checked_id
from llamaq.store.redis_client import BinaryClient
from llamaq.store.worker.job_store import JobStore
from llamaq.vocabulary.errors import BrokerUnavailable, ConversationBusy, InvalidRequest, QueueFull, UnknownModel
from tasks.attempt import failures
from tasks.attempt.failures import WorkerEvent
from worker.duties.duty import Duty

GROUP = "workers"
READ_AT_A_TIME = 20
BLOCK_MILLISECONDS = 1_000
ABANDONED_MILLISECONDS = 30_000
StreamEntry = tuple[bytes, dict[bytes, bytes]]
"""Its id and its fields."""
_log = structlog.get_logger(__name__)


class Inbox(Duty):
    """The duty that reads the inbox. Another worker reads again what it has not queued when it stops."""

    name = "inbox"
    when_redis_fails = "the inbox waits: Redis does not answer"

    def __init__(self, client: BinaryClient, keys: Keys, queue: JobQueue, store: JobStore, worker: str) -> None:
        """`client` answers in bytes, because producers may write entries that are no text."""
        super().__init__()
        self._client = client
        self._keys = keys
        self._queue = queue
        self._store = store
        self._worker = worker

    def round(self) -> float:
        """Read once, and handle what was read. An entry that cannot be queued now stays pending, and is read again."""
        try:
            self._read()
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._make_group()
        return 0

    def _read(self) -> None:
        inbox = self._keys.inbox()
        # First the entries of dead workers, then those that could not be queued before, then new ones.
        self._client.xautoclaim(inbox, GROUP, self._worker, ABANDONED_MILLISECONDS, count=READ_AT_A_TIME)
        self._take(_entries(self._client.xreadgroup(GROUP, self._worker, {inbox: "0"}, count=READ_AT_A_TIME)))
        if not self.stopping.is_set():
            new = {"count": READ_AT_A_TIME, "block": BLOCK_MILLISECONDS}
            self._take(_entries(self._client.xreadgroup(GROUP, self._worker, {inbox: ">"}, **new)))

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._keys.inbox(), GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # another worker was faster
                raise

    def _take(self, entries: Sequence[StreamEntry]) -> None:
        for entry_id, given in entries:
            fields = {name.decode(errors="replace"): value for name, value in given.items()}
            try:
                if fields:  # an entry that was deleted while it was pending has none
                    self._handle(fields)
            except QueueFull:  # the entry stays pending, and does not delay the jobs of other models
                continue
            except (RedisError, OSError, BrokerUnavailable):
                raise
            except Exception:  # noqa: BLE001 - an entry that stayed would fail every round, and delay the later ones
                _log.exception("an entry of the inbox could not be handled")
                self._set_aside(fields)
            self._client.xack(self._keys.inbox(), GROUP, entry_id)
            self._client.xdel(self._keys.inbox(), entry_id)

    def _set_aside(self, fields: dict[str, bytes]) -> None:
        job_id, kind, request = (fields.get(name, b"").decode(errors="replace") for name in ("id", "kind", "request"))
        fault = failures.error_of(WorkerEvent.OWN_FAULT, "the worker could not take the request in; see its log")
        self._store.refuse(job_id, kind, "inbox", request, fault)

    def _handle(self, fields: dict[str, bytes]) -> None:
        if "cancel" in fields:
            self._cancel(fields["cancel"], fields.get("reason", b"cancelled by the producer"))
        else:
            self._submit(fields)

    def _submit(self, fields: dict[str, bytes]) -> None:
        job_id, kind = (fields.get(name, b"").decode(errors="replace") for name in ("id", "kind"))
        request = fields.get("request", b"")
        try:
            self._queue.submit({**_object(request), "kind": kind}, job_id=checked_id(job_id))
        except (InvalidRequest, UnknownModel, ConversationBusy) as error:
            refusal = failures.refusal(error)
            _log.warning("a request in the inbox was refused", job_id=job_id, code=refusal.code)
            self._store.refuse(job_id, kind, "inbox", request.decode(errors="replace"), refusal)

    def _cancel(self, given: bytes, reason: bytes) -> None:
        job_id = given.decode(errors="replace")
        try:
            self._store.call_off(checked_id(job_id), reason.decode(errors="replace"))
        except InvalidRequest as error:
            _log.warning("a cancel in the inbox was refused", reason=str(error))
            self._store.refuse("", "", "inbox", f"cancel {job_id}", failures.refusal(error))


def _object(request: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(request)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest.of("request", f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidRequest.of("request", "not a JSON object")
    return fields


def _entries(answer: list[tuple[bytes, list[StreamEntry]]]) -> list[StreamEntry]:
    return [entry for _, entries in answer for entry in entries]
