# Generated from ../aio/extraction_job.py by `python3 run.py generate`: change that file instead.
"""The handle of an extraction whose type is known: it asks again for a value that the type refuses."""

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from llamaq.client.blocking.job import Job
from llamaq.client.blocking.producer import Producer
from llamaq.client.job_events import read_outcome
from llamaq.client.reader_limits import start_countdown
from llamaq.client.type_repairs import TypeRepairs, add_repairs
from llamaq.extraction.partials import Partials
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.events import Completed
from llamaq.vocabulary.kinds.extraction import ExtractionResult
from llamaq.vocabulary.requests import AnyRequest

T = TypeVar("T")
V = TypeVar("V")


class ExtractionJob(Job[ExtractionResult[V]], Generic[V]):
    """The handle that `extract` gives for a type. Handles of the same job that are made otherwise know no type."""

    def __init__(self, job: Job[ExtractionResult[Any]], producer: Producer, repairs: TypeRepairs) -> None:
        super().__init__(job._connection, job.id)  # noqa: SLF001 - a job of the same class
        self._producer = producer
        self._repairs = repairs
        self._repair_jobs: dict[int, Job[ExtractionResult[Any]]] = {}

    def result(self, timeout: float | None = None) -> ExtractionResult[V]:
        """Wait for the end, at most `timeout` seconds.

        Where the type refuses the value, the model is asked again with the reason, by a further job, while repairs are
        left; `repairs` counts all of them.

        Raises:
            JobFailed, JobCancelled, JobExpired: it, or a further job, ended without a result; or no repair is left, and
                the type refuses the last value (`invalid_output`, with the value as `text`, and the `errors`).
            TimeoutError: it has not ended yet; the job goes on.
            SubmitError: a further job was not queued; a later call tries it again.
        """
        return self.check_type(self.unchecked_result(timeout))

    def unchecked_result(self, timeout: float | None = None) -> ExtractionResult[Any]:
        """As `result`, but the last value is not checked, so no error of the application's validators is raised."""
        until = start_countdown(timeout, self._connection.clock)
        found = super().result(timeout)
        while (repair := self._submit_repair(found)) is not None:
            found = add_repairs(found, repair.result(until()))
        return found

    def check_type(self, found: ExtractionResult[Any]) -> ExtractionResult[V]:
        """Check the value of `unchecked_result`, and make it one of the type. Raises as `result`."""
        return self._repairs.check_type(self.id, found)

    def partials(self, target: type[T] | TypeAdapter[T]) -> Generator[T, None, None]:
        """As of every job. The object starts anew too when the type has refused a whole one, and it is asked again.

        Raises:
            JobFailed, JobCancelled, JobExpired: as `result`.
            pydantic.ValidationError: no repair is left, and the value is not valid for `target`.
        """
        partials = Partials(target)
        found: ExtractionResult[Any] | None = None
        job: Job[ExtractionResult[Any]] | None = self
        while job is not None:
            repair: Job[ExtractionResult[Any]] | None = None
            with closing(job.events(fresh=False)) as stream:
                for event in stream:
                    if isinstance(event, Completed) and isinstance(event.result, ExtractionResult):
                        found = event.result if found is None else add_repairs(found, event.result)
                        repair = self._submit_repair(found)
                    if repair is None:
                        for grown in partials.take(event):
                            yield grown
                        if event.terminal:
                            read_outcome(job.id, event)
            job = repair

    def _submit_repair(self, found: ExtractionResult[Any]) -> Job[ExtractionResult[Any]] | None:
        if found.repairs not in self._repair_jobs:
            request = self._repairs.next_request(self.id, found)
            if request is None:
                return None
            try:
                self._repair_jobs[found.repairs] = self._producer.submit(request)
            except InvalidRequest:  # with the refused answer it is over a limit; `check_type` says why
                return None
        return self._repair_jobs[found.repairs]


def bind_type(producer: Producer, job: Job[Any], target: Any, request: AnyRequest | Mapping[str, Any]) -> Job[Any]:
    """Bind an extraction's job to the type that was asked for; with a JSON Schema, the handle stays the job's own."""
    repairs = TypeRepairs.of(target, request)
    return job if repairs is None else ExtractionJob(job, producer, repairs)
