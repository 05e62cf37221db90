"""A queue whose jobs the test itself answers."""

import json
import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Self

from llamaq.admission.limits import check_iterable
from llamaq.client.blocking.queue import JobQueue
from llamaq.settings.producer import Settings
from llamaq.store.connections.clients import connect
from llamaq.store.keys import Keys
from llamaq.store.script_drivers import run
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.flushes import Flush, build_calls, read_outcomes
from llamaq.store.worker.job_store import JobStore
from llamaq.store.worker.outcome import Completed, Error
from llamaq.testing.answers import Answer, default_answer, result_of, split_words, text_of, turn_of
from llamaq.vocabulary.errors import InvalidRequest, JobFailed
from llamaq.vocabulary.models import parse_model_name
from llamaq.vocabulary.requests import AnyRequest
from llamaq.vocabulary.results import RESULT
from llamaq.vocabulary.wire import dump_members, dumps

HOST = "fake"
SLOTS = 64
_LEASE_SECONDS = 600.0
_REPORT_SECONDS = 3.0
_TAKE_SECONDS = 0.2
_LOST = Error("internal", "the fake worker was lost", retryable=True)
_log = logging.getLogger(__name__)


class FakeService:
    """The queue without a Redis, workers or models, in this process.

    The queue is the real one, on a Redis in Python: requests are checked, events stream, conversations are kept, keys
    and limits hold. Only the answers are made up, in the order in which the jobs begin:

        with FakeService(models=["llama3.2"]) as fake:
            fake.answer("A short text.")
            assert summary_of(fake.queue, "a long text") == "A short text."
            assert "a long text" in fake.requests[0].prompt

    Attributes:
        url: of the Redis, for an `AsyncJobQueue` or `LLAMAQ_REDIS_URL`.
        queue: a blocking queue.
        requests: of the jobs so far, in the order in which they began.
    """

    def __init__(self, models: Sequence[str], *, settings: Settings | None = None) -> None:
        """Start it. Other models than these are unknown.

        Raises:
            ImportError: `llamaq[testing]` is not installed.
            InvalidRequest: the models are no list of names.
        """
        self._models = [_check_name(model) for model in check_iterable(models, "models")]
        try:
            from fakeredis import TcpFakeServer  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ImportError('llamaq.testing needs fakeredis: pip install "llamaq[testing]"') from error
        self._server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
        self._serving = threading.Thread(target=self._server.serve_forever, name="llamaq-fake-redis", daemon=True)
        self._serving.start()
        self.url = f"redis://127.0.0.1:{self._server.server_address[1]}/0"
        self._settings = settings or Settings(keys=Keys("llamaq"))
        self.queue = JobQueue(self.url, settings=self._settings)
        self.requests: list[AnyRequest] = []
        self._answers: deque[Answer] = deque()
        self._redis: Any = connect(self.url)
        self._store = self._job_store()
        self._closed = threading.Event()
        self._report()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._keep_reporting, self._work)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it. Jobs that wait are lost."""
        self._closed.set()
        for thread in self._threads:
            thread.join()
        self.queue.close()
        self._redis.close()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, *answers: Answer) -> None:
        """The answers of the next jobs, one each.

        Args:
            *answers: a text (its words come one by one), a message as a dict (with `tool_calls`), the value of an
                extraction, the vectors of an embedding, `failed(code)`, or a function that makes one of these of the
                request. A job without one gets "answer", or vectors.
        """
        self._answers.extend(answers)

    # --- the fake worker

    def _job_store(self) -> JobStore:
        return JobStore(
            self._redis,
            self._settings.keys,
            host=HOST,
            worker=HOST,
            lease_seconds=_LEASE_SECONDS,
            conversation_ttl=self._settings.conversation_ttl,
            result_ttl=self._settings.result_ttl,
            lost=_LOST,
            exhausted=_LOST,
            orphaned=_LOST,
            orphan_seconds=_LEASE_SECONDS,
        )

    def _report(self) -> None:
        status = dumps({"version": "0.0.0", "models": [{"model": model} for model in self._models]})
        self._store.report(SLOTS, len(self._models), status, self._models, affinity_patience=15, lane_patience=60)

    def _keep_reporting(self) -> None:
        while not self._closed.wait(_REPORT_SECONDS):
            self._report()

    def _work(self) -> None:
        queue = self._settings.keys.host_queue(HOST)
        while not self._closed.wait(0):
            message = self._redis.brpop([queue], timeout=_TAKE_SECONDS)
            job = self._store.claim(json.loads(message[1])["headers"]["id"]) if message else None
            if job is not None:
                self._run(job)

    def _run(self, job: ClaimedJob) -> None:
        try:
            request = job.request
            self.requests.append(request)
            answer = self._answers.popleft() if self._answers else default_answer
            value = answer(request) if callable(answer) else answer
            self._complete(job, request, value, result_of(request, value))
        except JobFailed as error:
            self._store.fail(job, Error(error.code, error.error.message, error.error.retryable))
        except BaseException as error:  # noqa: BLE001 - pytest.fail in the test's own function; the job tells it
            _log.exception("the answer of the job %s could not be made", job.id)
            self._store.fail(job, Error("internal", f"{type(error).__name__}: {error}"))

    def _complete(self, job: ClaimedJob, request: AnyRequest, value: Any, result: dict[str, Any]) -> None:
        said = split_words(text_of(request, value))
        whole = {
            "model": job.model if request.kind not in {"pull", "unload", "load"} else request.model,
            "host": HOST,
            "attempts": job.attempt,
            "done_reason": "stop",
            "usage": {"output_tokens": len(said)},
            "metadata": request.metadata,
            **result,
        }
        RESULT.validate_json(dumps(whole))  # the readers of the job could not read another one
        for number, piece in enumerate(said if request.stream else [], 1):
            event = (number, "delta", dump_members(text=piece))
            flush = Flush(job, f"{job.id} {HOST}", renews=True, events=[event], pieces=number)
            (call,) = build_calls(self._settings.keys, _LEASE_SECONDS, [flush])
            read_outcomes([run(self._redis, call)], [flush])
        self._store.complete(job, Completed(whole, turn_of(job.id, request, result)))


def _check_name(model: object) -> str:
    if not isinstance(model, str):
        raise InvalidRequest.of("models", f"give the names of models, not {type(model).__name__}")
    return parse_model_name(model)
