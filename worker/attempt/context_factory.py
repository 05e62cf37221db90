"""Makes the context of an attempt, and starts its deadline."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from api_client import OllamaClient
from llamaq.images.image import REFERENCE
from llamaq.store.clock import Clock
from llamaq.store.keys import Keys
from llamaq.store.redis_client import BinaryClient
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.job_store import JobStore
from llamaq.vocabulary.conversations import read_settings
from tasks.attempt.context import AttemptContext, ImageGone
from tasks.attempt.context_lengths import ContextLengths
from tasks.attempt.stoppable import Attempt
from tasks.input_policy.policy import InputPolicy
from worker.attempt.event_buffer import EventBuffer
from worker.attempt.event_writer import EventWriter
from worker.attempt.read_retry import retry
from worker.attempt.timers import Timers

SILENCE_SECONDS = 1.0
"""After this silence readers are told why no text comes."""


@dataclass(frozen=True, slots=True)
class ContextFactory:
    """Makes contexts from the parts of a worker that its attempts need.

    Attributes:
        is_loaded: whether a model was in memory at the last probe.
        can_think: whether a model has the capability `thinking`, by the last probe.
        own_name: the name of a model as the host wrote it at the last probe.
        on_answer: called with the job's id for the first piece of an answer of Ollama.
        on_answer_end: called with the job's id after the last piece.
        make_input_policy: makes the input policy of an attempt.
    """

    ollama: OllamaClient
    store: JobStore
    blobs: BinaryClient
    keys: Keys
    events: EventWriter
    timers: Timers
    clock: Clock
    is_loaded: Callable[[str], bool]
    can_think: Callable[[str], bool]
    own_name: Callable[[str], str]
    on_answer: Callable[[str], None]
    on_answer_end: Callable[[str], None]
    context_lengths: ContextLengths
    make_input_policy: Callable[[], InputPolicy] = InputPolicy

    @contextmanager
    def open(self, job: ClaimedJob, attempt: Attempt) -> Iterator[AttemptContext]:
        """Open the context of one attempt. Its event buffer is open and its deadline runs while the block lasts.

        Raises:
            InvalidRequest: the stored request cannot be read.
        """
        request = job.request
        began = self.clock.monotonic()
        buffer = self.events.open(job, attempt, silent=not request.stream)
        deadline = self.timers.call_later(max(request.deadline - job.ran_seconds, 0), partial(attempt.stop, "deadline"))

        def first_token_after() -> float | None:
            return None if buffer.first_at is None else buffer.first_at - began

        try:
            yield AttemptContext(
                ollama=self.ollama,
                attempt=attempt,
                events=buffer,
                image=lambda reference: retry(partial(self._load_image, reference), attempt, self.clock),
                history=lambda: retry(partial(self._load_history, job), attempt, self.clock),
                settings=lambda: read_settings(retry(partial(self.store.read_settings, job), attempt, self.clock)),
                context_lengths=self.context_lengths,
                silence=partial(self._report_silence, job, buffer),
                can_think=self.can_think,
                own_name=self.own_name,
                elapsed=lambda: self.clock.monotonic() - began,
                first_token_after=first_token_after,
                input_policy=self.make_input_policy(),
            )
        finally:
            deadline.cancel()
            buffer.close()
            attempt.events, attempt.pieces = buffer.numbered, buffer.pieces

    @contextmanager
    def _report_silence(
        self, job: ClaimedJob, buffer: EventBuffer, held_back: Sequence[str]
    ) -> Iterator[Callable[[], None]]:
        def report() -> None:
            if not self.is_loaded(job.model):
                buffer.progress("loading")
                return
            # Ollama sends no header before the first piece, so a client cannot know which of these it is.
            buffer.progress("prompt", possible=["prompt", "queue", *held_back])

        timer = self.timers.call_later(SILENCE_SECONDS, report)

        def on_piece() -> None:
            timer.cancel()
            self.on_answer(job.id)

        try:
            yield on_piece
        finally:
            timer.cancel()
            self.on_answer_end(job.id)

    def _load_history(self, job: ClaimedJob) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.store.read_history(job)]

    def _load_image(self, reference: str) -> str:
        data = self.blobs.get(self.keys.blob(reference.removeprefix(REFERENCE)))
        if data is None:
            raise ImageGone(f"the image {reference} is no longer stored: send its bytes again")
        return base64.b64encode(data).decode()
