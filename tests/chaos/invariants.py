"""The promises, checked when all is quiet: from Redis, from the hosts' own logs, and from what readers got."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.fleet import SLOTS, Fleet
from tests.chaos.host_observer import Window, find_overfull_windows
from tests.chaos.injected import InjectedFaults
from tests.chaos.traffic import Sent

TERMINAL = ("completed", "failed", "cancelled", "expired")
Log = list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class StoredJob:
    """A job as Redis keeps it."""

    job_id: str
    record: dict[str, str]
    log: Log

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events alone."""
        return [event for _, event in self.log]

    def find_breaches(self) -> Iterator[str]:
        """Find what is wrong with it."""
        endings = [event["type"] for event in self.events if event["type"] in TERMINAL]
        if not endings:
            yield "lost: it has no terminal event"
            return
        if len(endings) > 1:
            yield f"duplicate: it ended {endings}"
        if self.events[-1]["type"] != self.record.get("state"):
            yield f"its last event is {self.events[-1]['type']}, its state {self.record.get('state')}"
        yield from self._find_mixed()
        if self.record.get("state") == "completed":
            yield from self._find_untrue()

    def _find_mixed(self) -> Iterator[str]:
        running = given_back = 0
        for event in self.events:
            if event["type"] == "started":
                if event["attempt"] <= running or given_back != running:
                    yield f"duplicate: attempt {event['attempt']} began in attempt {running}"
                running = event["attempt"]
            elif event["type"] in ("delta", "progress", "retrying") and event["attempt"] != running:
                yield f"{event['type']} of attempt {event['attempt']} stands in attempt {running}"
            given_back = running if event["type"] == "retrying" else given_back

    def _find_untrue(self) -> Iterator[str]:
        result = json.loads(self.record["result"])
        text = "".join(event.get("text", "") for event in self.events if event["attempt"] == result["attempts"])
        if "value" in result and json.loads(text) != result["value"]:
            yield f"its events say {text!r}, its value is {result['value']!r}"
        said = result.get("text", result.get("message", {}).get("content"))
        if said is not None and said != text:
            yield f"its events say {text!r}, its result {said!r}"


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        breaches: promises that were broken; empty is good.
        told: every job.
        overlaps: seconds in which a host had more requests than slots, because a worker could not know that its job
            had been given to another one.
        taken_back: accepted jobs that Redis lost when it went back in time.
    """

    breaches: list[str]
    told: list[StoredJob]
    overlaps: list[Window]
    taken_back: list[str]


def check_invariants(fleet: Fleet, sent: Sent) -> Findings:
    """Check everything."""
    told = read_all(fleet)
    breaches = [f"job {job.job_id}: {breach}" for job in told for breach in job.find_breaches()]
    known = {job.job_id for job in told}
    gone = [job_id for job_id in sent.accepted if job_id not in known]
    taken_back = [job_id for job_id in gone if fleet.injected.may_be_lost(sent.accepted[job_id])]
    breaches += [f"job {job_id}: lost: there is no record" for job_id in gone if job_id not in taken_back]
    breaches += _check_readers(told, sent, fleet.injected)
    breaches += [f"left behind: {name}" for name in find_leftovers(fleet)]
    breaches += [f"in a worker's log: {line}" for line in fleet.list_failures()]
    breaches += _check_conversations(fleet, told)
    overfull = find_overfull_windows(fleet.observer.requests, SLOTS)
    overlaps = [window for window in overfull if any(window.overlaps(frozen) for frozen in fleet.injected.frozen)]
    breaches += [f"more than {SLOTS} requests at {window}" for window in overfull if window not in overlaps]
    return Findings(breaches, told, overlaps, taken_back)


def read_all(fleet: Fleet) -> list[StoredJob]:
    """Every job that Redis knows, but for the messages that were set aside."""
    ids = fleet.redis.zrange(fleet.keys.jobs(), 0, -1)
    told = [
        StoredJob(job_id, fleet.redis.hgetall(fleet.keys.record(job_id)), _read_log(fleet, job_id)) for job_id in ids
    ]
    return [job for job in told if job.record.get("request")]


# The scripts that workers keep loaded; a worker's pulse, which lapses by itself when it is dead; and what kombu keeps
# for an hour, because a killed worker had just taken it from a list.
_STAYS = ("chaos.scripts", "chaos.store", "chaos.worker.", "chaos.unacked")


def find_leftovers(fleet: Fleet) -> list[str]:
    """Find what only running or waiting jobs may have: keys under which something still stands."""
    found = [name for name in ("leases", "delayed", "start_by", "blobs") if fleet.redis.exists(f"chaos:{name}")]
    for pattern in ("host:*:slots", "waiting:*", "runner:*", "turns:*", "lane:*", "tenants:*", "ages:*", "queued"):
        found += fleet.redis.scan_iter(f"chaos:{pattern}", count=1_000)
    found += fleet.redis.scan_iter("chaos.*", count=1_000)
    found += ["chaos"] if fleet.redis.exists("chaos") else []
    return [name for name in found if not name.startswith(_STAYS)]


def _read_log(fleet: Fleet, job_id: str) -> Log:
    return [(cursor, json.loads(entry["event"])) for cursor, entry in fleet.redis.xrange(fleet.keys.events(job_id))]


def _check_readers(told: Sequence[StoredJob], sent: Sent, injected: InjectedFaults) -> list[str]:
    logs = {job.job_id: job.log for job in told}
    wrong = list(sent.troubled)
    for job_id, moment in sent.refuted.items():
        if not injected.may_have_lost_events(sent.accepted[job_id], moment):
            wrong.append(f"job {job_id}: its reader was told that Redis has lost it")
    for job_id, (entries, ended_at) in sent.read.items():
        got = [(cursor, json.loads(payload)) for cursor, payload in entries]
        # An end that Redis lost afterwards was true when it was read, and so must be all before it.
        if got != logs.get(job_id) and not injected.may_be_lost(ended_at):
            wrong.append(f"job {job_id}: its reader got {len(got)} events, its log has {len(logs.get(job_id, []))}")
        record = {"state": got[-1][1]["type"], "result": json.dumps(got[-1][1].get("result"))}
        wrong += [
            f"job {job_id}: as its reader saw it: {breach}" for breach in StoredJob(job_id, record, got).find_breaches()
        ]
    return wrong


def _check_conversations(fleet: Fleet, told: Sequence[StoredJob]) -> list[str]:
    """Check that a conversation holds the two messages of each of its completed turns, each once."""
    turns: dict[str, int] = {}
    for job in told:
        if job.record.get("conversation"):
            name = fleet.keys.conversation(job.record["tenant"], job.record["conversation"])
            turns[name] = turns.get(name, 0) + (job.record["state"] == "completed")
    held = {name: fleet.redis.llen(name) for name in turns}
    return [
        f"{name} has {held[name]} messages after {turns[name]} turns" for name in turns if held[name] != 2 * turns[name]
    ]
