"""What an attempt gets to work with, and what runs out on it."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from api_client import OllamaClient
from llamaq.images import loading
from llamaq.store.clock import Clock
from llamaq.store.connection import Client
from llamaq.store.keys import Keys
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.job_store import JobStore
from llamaq.vocabulary.conversations import read_settings
from tasks.attempt.attempt import Attempt
from tasks.attempt.contexts import Contexts
from tasks.attempt.services import ImageGone, Services
from tasks.input_policy.policy import Screening
from worker.attempt.event_buffer import EventBuffer
from worker.attempt.event_writer import EventWriter
from worker.attempt.redis_retry import outlast
from worker.attempt.timers import Timers

PATIENCE_SECONDS = 1.0
"""Silence after which a reader is told why no text comes."""


@dataclass(frozen=True, slots=True)
class Provision:
    """A worker's parts, as attempts need them.

    Attributes:
        loaded: whether a model was in memory when last looked.
        heard: called with the job's id for each piece of its answer.
        over: called when there will be no more.
        screening: makes what looks at an attempt's request before a model does.
    """

    ollama: OllamaClient
    store: JobStore
    blobs: Client
    keys: Keys
    scribe: EventWriter
    watch: Timers
    clock: Clock
    loaded: Callable[[str], bool]
    heard: Callable[[str], None]
    over: Callable[[str], None]
    contexts: Contexts
    screening: Callable[[], Screening] = Screening

    @contextmanager
    def services(self, job: ClaimedJob, attempt: Attempt) -> Iterator[Services]:
        """The services of one attempt: its transcript is open and its deadline runs while the block lasts.

        Raises:
            InvalidRequest: the stored request cannot be read.
        """
        request = job.request
        began = self.clock.monotonic()
        transcript = self.scribe.open(job, attempt, silent=not request.stream)
        deadline = self.watch.after(max(request.deadline - job.ran_seconds, 0), partial(attempt.stop, "deadline"))

        def first_token_after() -> float | None:
            return None if transcript.first_at is None else transcript.first_at - began

        try:
            yield Services(
                ollama=self.ollama,
                attempt=attempt,
                events=transcript,
                image=lambda reference: outlast(partial(self._image, reference), attempt, self.clock),
                history=lambda: outlast(partial(self._history, job), attempt, self.clock),
                settings=lambda: read_settings(outlast(partial(self.store.settings, job), attempt, self.clock)),
                contexts=self.contexts,
                patience=partial(self._patience, job, transcript),
                elapsed=lambda: self.clock.monotonic() - began,
                first_token_after=first_token_after,
                screening=self.screening(),
            )
        finally:
            deadline.cancel()
            transcript.close()

    @contextmanager
    def _patience(self, job: ClaimedJob, transcript: EventBuffer) -> Iterator[Callable[[], None]]:
        stage = "prompt" if self.loaded(job.model) else "loading"
        alarm = self.watch.after(PATIENCE_SECONDS, partial(transcript.progress, stage))

        def heard() -> None:
            alarm.cancel()
            self.heard(job.id)

        try:
            yield heard
        finally:
            alarm.cancel()
            self.over(job.id)

    def _history(self, job: ClaimedJob) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.store.history(job)]

    def _image(self, reference: str) -> str:
        data: bytes | None = self.blobs.get(self.keys.blob(reference.removeprefix(loading.REFERENCE)))
        if data is None:
            raise ImageGone(f"the image {reference} is no longer stored: send its bytes again")
        return base64.b64encode(data).decode()
