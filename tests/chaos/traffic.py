"""Producers and readers: jobs of all kinds, some cancelled, some followed as they run."""

import base64
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from embedded.scripted.script import Fault, Script
from llamaq import BrokerUnavailable, CursorExpired, Job, JobNotFound, JobQueue
from tests.conftest import MODEL

EMBEDDER, SEER = "smollm2-embed:135m", "smollm2-vision:135m"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQAAAABbAUdZAAAADElEQVR42mNgGNwAAACgAAGO+7G0AAAAAElFTkSuQmCC")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FAULTS: tuple[Fault, ...] = ("cut", "reset", "error", "end", "utf8")
KINDS = ("generate", "chat", "conversation", "multimodal", "extraction", "embedding")
PAUSE_SECONDS = 2.0
"""Between the jobs of one producer, on average: with four, about what the slots can take."""
CANCELLED, FOLLOWED, BROKEN = 0.1, 0.3, 0.1
"""Shares of the jobs."""


def build_scripts() -> list[Script]:
    """What the hosts say: how long an answer takes stands in the request, and whether it breaks off."""
    breaking = [Script(contains=f"break-{fault}", count=9, rate=20, fault=fault, times=1) for fault in FAULTS]
    return [
        *breaking,
        Script(contains="Draw", tokens=['{"a"', ": ", "1", "}"], rate=10, times=None),
        Script(path="/api/embed", first_token_seconds=0.3, times=None),
        Script(contains="long", count=120, rate=20, times=None),
        Script(contains="short", count=10, rate=40, times=None),
    ]


class Reading(NamedTuple):
    """Cursor and JSON of each event that a reader got, and when it got the last one; Unix seconds."""

    entries: list[tuple[str, str]]
    ended_at: float


@dataclass
class Sent:
    """What the producers did.

    Attributes:
        accepted: when the submit of each job returned, by id; Unix seconds.
        refused: how often Redis could not be reached.
        uncancelled: cancels that did not reach Redis.
        read: what each live reader got to its end, by job.
        refuted: when a reader or a cancel was told that Redis no longer has its job or its last event, by job.
        troubled: producers and readers that met an error which they need not expect.
    """

    accepted: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    uncancelled: int = 0
    read: dict[str, Reading] = field(default_factory=dict)
    refuted: dict[str, float] = field(default_factory=dict)
    troubled: list[str] = field(default_factory=list)


class Producer:
    """One producer in a thread, with a will of its own that the seed gives."""

    def __init__(self, queue: JobQueue, seed: str, sent: Sent, stopping: threading.Event) -> None:
        self._queue = queue
        self._chance = random.Random(seed)
        self._name = seed.replace(" ", "-")
        self._sent = sent
        self._stopping = stopping
        self._readers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run, name=seed)
        self._thread.start()

    def join(self) -> None:
        """Wait for the last submit, and for its readers."""
        self._thread.join()
        for reader in self._readers:
            reader.join(120)

    def _run(self) -> None:
        while not self._stopping.wait(self._chance.uniform(0, 2 * PAUSE_SECONDS)):
            kind, prompt = self._chance.choice(KINDS), self._prompt()
            cancelled, followed = self._chance.random() < CANCELLED, self._chance.random() < FOLLOWED
            after = self._chance.uniform(0, 3)
            try:
                job = self._submit(kind, prompt)
            except BrokerUnavailable:
                self._sent.refused += 1
                continue
            except Exception as error:  # noqa: BLE001 - whatever else comes out of a submit is a finding
                self._sent.troubled.append(f"submit of {kind}: {error!r}")
                continue
            self._sent.accepted[job.id] = time.time()
            if followed:
                self._start(self._follow, job)
            if cancelled:
                self._start(self._cancel, job, after)

    def _prompt(self) -> str:
        length = self._chance.choice(["long", "short", "short"])
        broken = f" break-{self._chance.choice(FAULTS)}" if self._chance.random() < BROKEN else ""
        return f"{length}{broken} {self._name}"

    def _submit(self, kind: str, prompt: str) -> Job[Any]:
        priority = self._chance.choice(["interactive", "normal", "batch"])
        match kind:
            case "chat":
                return self._queue.chat(MODEL, messages=[{"role": "user", "content": prompt}])
            case "conversation":
                return self._queue.chat(MODEL, conversation=self._name, message=prompt)
            case "multimodal":
                return self._queue.multimodal(SEER, prompt, images=[PIXEL])
            case "extraction":
                return self._queue.extract(MODEL, "Draw", schema=SCHEMA)
            case "embedding":
                return self._queue.embed(EMBEDDER, [prompt, "b"])
            case _:
                return self._queue.submit(
                    {"kind": "generate", "model": MODEL, "prompt": prompt, "priority": priority, "tenant": self._name}
                )

    def _start(self, target: Any, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._readers.append(thread)
        thread.start()

    def _follow(self, job: Job[Any]) -> None:
        try:
            got = [(event.cursor, event.payload) for event in job.events(fresh=False)]
            self._sent.read[job.id] = Reading(got, time.time())
        except (CursorExpired, JobNotFound):
            self._sent.refuted[job.id] = time.time()
        except Exception as error:  # noqa: BLE001 - as above
            self._sent.troubled.append(f"reader of {job.id}: {error!r}")

    def _cancel(self, job: Job[Any], after: float) -> None:
        time.sleep(after)
        try:
            job.cancel()
        except BrokerUnavailable:
            self._sent.uncancelled += 1  # the job goes on, and must end all the same
        except JobNotFound:
            self._sent.refuted[job.id] = time.time()
