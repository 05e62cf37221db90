"""A fleet that has every kind of key, and the verbs that use them."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from embedded.scripted.fleet import MODEL, Fleet, make_error, make_outcome
from llamaq import Job
from llamaq.store.worker import damaged_keys
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.minute_figures import MinuteFigures
from llamaq.store.worker.outcome import Completed
from llamaq.store.worker.webhook_deliveries import Deliveries
from tests.unit.images.image_factory import make_file
from tests.unit.store.batches.batch_world import World as Batches

PICTURE = make_file()
NOTIFY = {"url": "https://example.com/x"}
TURN = ({"role": "user", "content": "q"}, {"role": "assistant", "content": "z"})
Verbs = dict[str, Callable[[], Any]]


class AllKeys:
    """Jobs of all states, conversations with images, webhooks, files and batches.

    Attributes:
        jobs: by a name, those that are to end.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self.fleet, self.batches = Fleet(url, prefix), Batches(url, prefix)
        self.store = self.report()
        fleet, queue, conversation = self.fleet, self.fleet.queue, self.fleet.queue.conversation("c")
        self.store.keep_cards({"digest": "{}"})
        running, claimed = fleet.start_job(self.store, start_within=900)
        fleet.append(claimed, 1, text="x")
        done, ended = fleet.start_job(self.store, notify=NOTIFY, idempotency_key="done")
        self.store.complete(ended, make_outcome())
        conversation.set(model=MODEL, system="s")
        conversation.send("x", wait_for_model=True, priority="interactive")
        self.work(claimed.id)
        message: Any = {"role": "user", "content": "a", "images": [PICTURE]}
        self.jobs: dict[str, Job[Any]] = {
            "running": running,
            "done": done,
            "waiting": fleet.submit(start_within=900, idempotency_key="k", notify=NOTIFY),
            "turn": conversation.send([message], wait_for_model=True),
            "next turn": conversation.send([message], wait_for_model=True),
            "image": queue.multimodal(MODEL, "x", images=[PICTURE], wait_for_model=True),
            "other": fleet.submit(tenant="other", priority="batch"),
            "gone": fleet.submit(),
        }
        self.jobs["gone"].cancel()
        fleet.submit(start_after=900)
        queue.load(MODEL, host="alpha")
        queue.pause(model=MODEL)
        queue.resume(model=MODEL)
        queue.pause(host="alpha")
        self.store.refuse("bad", "generate", "inbox", "{}", make_error())
        MinuteFigures(fleet.redis, fleet.keys).write({"x": 1}, leads=True)
        for name in ("1", "2"):
            self.batches.store(f"in{name}")
            self.batches.create(f"b{name}", f"in{name}")
        self.batches.take("me")
        self.batches.line("b1", "me", 1)

    def report(self) -> Any:
        """Report the host."""
        return self.fleet.add_host(slots=2, webhooks="private")

    def work(self, but: str = "") -> None:
        """Complete the jobs that have a slot."""
        for job_id in self.fleet.slots():
            claimed = self.store.claim(job_id) if job_id != but else None
            if claimed is not None:
                self._complete(claimed)

    def _complete(self, job: ClaimedJob) -> None:
        said = {"message": TURN[1]} if job.kind == "chat" else {"text": "z"}
        turn = TURN if job.conversation else ()
        self.store.complete(job, Completed({**said, "model": MODEL, "host": "alpha", "attempts": 1}, turn))

    def end_all(self) -> list[str]:
        """Run what a worker gets; the jobs that have not ended then, by their names."""
        for _ in range(12):
            members = self.fleet.redis.zrange(self.fleet.keys.leases(), 0, -1)
            if members:
                self.fleet.redis.zadd(self.fleet.keys.leases(), dict.fromkeys(members, 1))
            self.fleet.end_reaper_leadership()
            self.store.mend()
            self.store.reap()
            self.report()
            self.work()
        open_states = ("queued", "running", "retrying")
        return [name for name, job in self.jobs.items() if job.status().state in open_states]

    def real(self, name: str) -> str:
        """The key of this fleet, by a name that `names` of another fleet has given."""
        for of, job in self.jobs.items():
            name = name.replace(f"<{of}>", job.id)
        return self.fleet.keys.prefix + name

    def names(self) -> list[str]:
        """The keys, with the names of jobs in place of their ids."""
        found = self.fleet.key_names()
        for of, job in self.jobs.items():
            found = {name.replace(job.id, f"<{of}>") for name in found}
        return sorted(found)

    def verbs(self) -> Verbs:
        """Calls of the SDK, of workers and of the gateway's batches, by their names."""
        fleet, queue, batches, new = self.fleet, self.fleet.queue, self.batches, uuid.uuid4().hex[:8]
        talk = queue.conversation("c")
        verbs: Verbs = {
            "waiting": queue.waiting,
            "jobs": queue.jobs,
            "conversations": queue.conversations,
            "set": lambda: talk.set(system="t"),
            "send": lambda: talk.send("x", wait_for_model=True),
            "interrupt": lambda: talk.send("x", when_busy="interrupt", wait_for_model=True),
            "fork": lambda: talk.fork(f"fork-{new}"),
            "submit": fleet.submit,
            "submit again": lambda: fleet.submit(start_within=900, idempotency_key="k", notify=NOTIFY),
            "submit with all": lambda: fleet.submit(idempotency_key=new, notify=NOTIFY, start_within=900),
            "submit later": lambda: fleet.submit(start_after=50),
            "submit_many": lambda: queue.submit_many([{"kind": "generate", "model": MODEL, "prompt": "x"}] * 3),
            "image": lambda: queue.multimodal(MODEL, "x", images=[PICTURE], wait_for_model=True),
            "resume": lambda: queue.resume(host="alpha"),
            "load": lambda: queue.load(MODEL, host="alpha"),
            "pause a model": lambda: queue.pause(model=MODEL),
            "resume a model": lambda: queue.resume(model=MODEL),
            "cancel": lambda: fleet.submit().cancel(),
            "delete": lambda: queue.delete(queue.multimodal(MODEL, "x", images=[PICTURE], wait_for_model=True).id),
            "call off": lambda: self.store.call_off(f"off-{new}", "x"),
            "refuse": lambda: self.store.refuse(f"bad-{new}", "generate", "inbox", "{}", make_error()),
            "store a file": lambda: batches.store(f"file-{new}"),
            "make a batch": lambda: batches.create(f"batch-{new}"),
            "write a line": lambda: batches.line("b1", "me", 2),
            "take a batch": lambda: batches.take("other"),
            "hold a batch": lambda: batches.hold("b1", "me"),
            "cancel a batch": lambda: batches.cancel("b2"),
            "delete a file": lambda: batches.delete("in2"),
            "webhook": self.webhook,
            "reap": self.store.reap,
            "report": self.report,
            "down": lambda: self.store.report_down(2, 1, "x"),
            "check": lambda: damaged_keys.read(fleet.redis, fleet.keys),
        }
        verbs |= {f"status of {name}": job.status for name, job in self.jobs.items()}
        return verbs

    def readers(self) -> Verbs:
        """Calls of the SDK that read without a script."""
        queue, talk = self.fleet.queue, self.fleet.queue.conversation("c")
        names = ["hosts", "workers", "models", "waiting_by_tenant", "running", "dead"]
        found: Verbs = {name: getattr(queue, name) for name in names}
        found |= {
            "minutes": lambda: queue.history(5),
            "messages": talk.history,
            "settings": talk.settings,
            "edit": lambda: talk.edit(1, "x"),
            "cut": lambda: talk.delete(after=1),
        }
        for name, job in self.jobs.items():
            found |= {f"request of {name}": job.request, f"first event of {name}": partial(_first_event, job)}
        return found

    def webhook(self) -> None:
        """Take a delivery. One that cannot be read is set aside."""
        with suppress(ValueError, KeyError):
            Deliveries(self.fleet.redis, self.fleet.keys, "private").take()

    def close(self) -> None:
        """Close the connections."""
        self.fleet.close()
        self.batches.close()


def _first_event(job: Job[Any]) -> Any:
    return next(job.events())
