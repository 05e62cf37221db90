"""The inbox, a stream for producers that have plain Redis alone.

A job is `XADD <prefix>:inbox * id <uuid> kind <kind> request <json>`. A cancel is `XADD <prefix>:inbox * cancel <id>`,
with an optional `reason`, and a deletion `XADD <prefix>:inbox * delete <id>`. `pause`, `drain` and `resume` name a
host or a model, as in `XADD <prefix>:inbox * pause host:<host>`.

A consumer group shares the stream among all workers. An entry is deleted only after its job is queued or set aside.
Another worker reads again what a dead worker had read. A second submit of the same id has no effect.

An entry may end each worker that takes it, as by the memory that it needs. So a worker notes each entry that was taken
before, and sets it aside when it has been taken too often.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from redis.exceptions import ResponseError

from llamaq.client.blocking.operations import Operations
from llamaq.store.cancel import check_reason
from llamaq.store.clock import SYSTEM, Clock
from llamaq.store.keys import Keys, check_id
from llamaq.store.redis_client import BinaryClient
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Error
from llamaq.vocabulary.errors import InvalidRequest, QueueFull
from worker.duties.duty import Duty
from worker.gate import MOST_TAKES, TAKEN_TOO_OFTEN, BadMessage, Incoming, handle_or_set_aside, is_outage, read_json

GROUP = "workers"
READ_AT_A_TIME = 20
BLOCK_MILLISECONDS = 2_000
AGAIN_MILLISECONDS = 1_000
"""How soon entries are read again that could not be queued."""
ABANDONED_MILLISECONDS = 30_000
LOOK_SECONDS = 10.0
"""How often a worker looks for the entries of dead workers."""
GONE_MILLISECONDS = 3_600_000
FIRST = "0"
NOTED_SECONDS = 86_400
PAUSES = ("pause", "drain", "resume")
StreamEntry = tuple[bytes, dict[bytes, bytes]]
"""Its id and its fields."""
_log = structlog.get_logger(__name__)


class Inbox(Duty):
    """The duty that reads the inbox. Another worker reads again what it has not queued when it stops."""

    name = "inbox"
    when_redis_fails = "the inbox waits: Redis does not answer"

    def __init__(
        self,
        client: BinaryClient,
        keys: Keys,
        queue: Operations,
        store: JobStore,
        worker: str,
        clock: Clock = SYSTEM,
    ) -> None:
        """`client` answers in bytes, because producers may write entries that are no text."""
        super().__init__()
        self._client = client
        self._keys = keys
        self._queue = queue
        self._store = store
        self._worker = worker
        self._clock = clock
        self._interrupted: set[bytes] = set()
        self._after: bytes | str = FIRST
        self._swept, self._left = False, True
        self._looks_at = 0.0

    def run_round(self) -> float:
        """Read once, and handle what was read. An entry that cannot be queued now stays pending, and is read again."""
        try:
            self._read()
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._make_group()
        return 0

    def _read(self) -> None:
        # First the entries of dead workers, then a page of those that could not be queued before, then new ones.
        if self._left or self._clock.monotonic() >= self._looks_at:
            self._read_left()
        if not self.stopping.is_set():
            left, self._left = self._left, True  # also where the answer is lost, after Redis has noted who gets what
            block = AGAIN_MILLISECONDS if left else BLOCK_MILLISECONDS
            new = self._read_entries(">", count=READ_AT_A_TIME, block=block)
            self._left = left or bool(new)
            self._take(new, again=False)

    def _read_left(self) -> None:
        """Read what is left: by dead workers, and by this one."""
        left, self._left = self._left, True
        self._looks_at = self._clock.monotonic() + LOOK_SECONDS
        claimed = self._client.xautoclaim(
            self._keys.inbox(), GROUP, self._worker, ABANDONED_MILLISECONDS, count=READ_AT_A_TIME, justid=True
        )
        self._sweep_consumers()
        if not left and not claimed:  # nothing is left, which is mostly so
            self._left = False
            return
        first = self._after == FIRST
        pending = self._read_entries(self._after, count=READ_AT_A_TIME)
        # The next page follows in the next round: the jobs of a full model do not delay those behind them.
        self._after = pending[-1][0] if len(pending) == READ_AT_A_TIME else FIRST
        self._take(pending, again=True)
        self._left = bool(pending) or not first

    def _read_entries(self, after: bytes | str, **how: int) -> list[StreamEntry]:
        answer = self._client.xreadgroup(GROUP, self._worker, {self._keys.inbox(): after}, **how)
        return [entry for _, entries in answer for entry in entries]

    def _sweep_consumers(self) -> None:
        """Remove the names of workers that ended long ago from the group, once: each start of a worker adds one."""
        if self._swept:
            return
        for consumer in self._client.xinfo_consumers(self._keys.inbox(), GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > GONE_MILLISECONDS:
                self._client.xgroup_delconsumer(self._keys.inbox(), GROUP, consumer["name"])
        self._swept = True

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._keys.inbox(), GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # another worker was faster
                raise

    def _take(self, entries: Sequence[StreamEntry], *, again: bool) -> None:
        for entry_id, given in entries:
            try:
                self._take_one(entry_id, given, again=again)
            except QueueFull:  # the entry stays pending, and does not delay the jobs of other models
                self._client.hdel(self._keys.inbox_taken(), entry_id)
            except Exception as error:
                if is_outage(error):
                    self._interrupted.add(entry_id)
                    raise
                # It is still there, for whoever mends the dead-letter stream, and delays no entry behind it.
                _log.exception("an entry of the inbox can neither be handled nor be set aside", entry=entry_id)
            else:
                self._remove(entry_id, again=again)

    def _take_one(self, entry_id: bytes, given: Mapping[bytes, bytes], *, again: bool) -> None:
        if not given:  # it was deleted while it was pending
            return
        fields = {_decode(name): value for name, value in given.items()}
        message = _make_incoming(fields)
        if again and self._count_takes(entry_id) > MOST_TAKES:
            self._set_aside(message, TAKEN_TOO_OFTEN)
        else:
            handle_or_set_aside(message, lambda: self._handle(message, fields), self._set_aside, later=(QueueFull,))

    def _count_takes(self, entry_id: bytes) -> int:
        """Count how often the entry has been taken, this time included; an outage of Redis does not count."""
        if entry_id in self._interrupted:
            return 1
        noted = self._keys.inbox_taken()
        times = self._client.hincrby(noted, entry_id, 1)
        self._client.expire(noted, NOTED_SECONDS)
        return times + 1

    def _remove(self, entry_id: bytes, *, again: bool) -> None:
        self._client.xack(self._keys.inbox(), GROUP, entry_id)
        self._client.xdel(self._keys.inbox(), entry_id)
        if again:
            self._client.hdel(self._keys.inbox_taken(), entry_id)
            self._interrupted.discard(entry_id)

    def _set_aside(self, message: Incoming, error: Error) -> None:
        _log.warning("an entry of the inbox was set aside", job_id=message.job_id, code=error.code)
        self._store.refuse(message.job_id, message.kind, message.source, message.content, error)

    def _handle(self, message: Incoming, fields: Mapping[str, bytes]) -> None:
        if "cancel" in fields:
            reason = fields.get("reason", b"cancelled by the producer")
            self._store.call_off(check_id(_decode(fields["cancel"])), check_reason(_decode(reason)))
            return
        if "delete" in fields:
            self._queue.delete(check_id(_decode(fields["delete"])))
            return
        if order := next((order for order in PAUSES if order in fields), None):
            self._pause(order, _decode(fields[order]))
            return
        job_id, request = check_id(_decode(fields.get("id", b""))), _parse_request(message.content)
        message.read = True
        self._queue.submit({**request, "kind": message.kind}, job_id=job_id)

    def _pause(self, order: str, what: str) -> None:
        which, _, name = what.partition(":")
        if which not in ("host", "model"):
            raise InvalidRequest.of(order, f"must be host:<host> or model:<model>, not {what!r}")
        verbs = {"pause": self._queue.pause, "drain": self._queue.drain, "resume": self._queue.resume}
        verbs[order](host=name if which == "host" else None, model=name if which == "model" else None)


def _make_incoming(fields: Mapping[str, bytes]) -> Incoming:
    for order in ("cancel", "delete", *PAUSES):
        if order in fields:
            return Incoming("inbox", f"{order} {_decode(fields[order])}")
    job_id, kind, request = (_decode(fields.get(name, b"")) for name in ("id", "kind", "request"))
    return Incoming("inbox", request, job_id, kind)


def _decode(value: bytes) -> str:
    return value.decode(errors="replace")


def _parse_request(request: str) -> dict[str, Any]:
    try:
        fields = read_json(request)
    except BadMessage as error:
        raise InvalidRequest.of("request", str(error)) from error
    if not isinstance(fields, dict):
        raise InvalidRequest.of("request", "not a JSON object")
    return fields
