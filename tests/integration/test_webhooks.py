"""Webhooks of a real worker, received over real HTTP and checked with the Standard Webhooks library."""

import base64
import queue
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from standardwebhooks import Webhook

from llamaq import InvalidRequest, JobFailed
from tests.conftest import MODEL, StartWorker
from tests.service import MAX_WAIT_SECONDS, Service, wait_until
from worker.duties.webhooks import AT_A_TIME, PER_RECEIVER

SECRET = f"whsec_{base64.b64encode(b'0123456789abcdef01234567').decode()}"
PRIVATE: dict[str, object] = {"webhook_secret": SECRET, "webhook_private": 1}


class Call(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server whose answers are the statuses it was given, and then 204; None never answers.

    Attributes:
        url: where it is.
        calls: what came, in its order.
    """

    def __init__(self) -> None:
        self.calls: queue.Queue[Call] = queue.Queue()
        self.statuses: queue.Queue[int | None] = queue.Queue()
        self.closing = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.get_nowait() if not receiver.statuses.empty() else 204
                receiver.calls.put(Call(self.path, dict(self.headers), body))
                if status is None:
                    receiver.closing.wait(MAX_WAIT_SECONDS)
                    return
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?key=planted-in-the-url"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self) -> tuple[Call, Any]:
        """The next call, and what its body says, once its signature is checked."""
        call = self.calls.get(timeout=MAX_WAIT_SECONDS)
        return call, Webhook(SECRET).verify(call.body, call.headers)

    def close(self) -> None:
        """End it, and let go whoever waits for an answer."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_an_end_is_told_signed_and_again_until_it_is_received(
    own_service: Service, start_worker: StartWorker, receiver: Receiver
) -> None:
    """The second try is the same message with a signature of its own; after a 2xx there is nothing left of it."""
    worker = start_worker(**PRIVATE)
    receiver.statuses.put(500)
    job = own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url}, metadata={"order": "17"})

    first, told = receiver.next()
    assert (told["type"], told["data"]["id"]) == ("job.completed", job.id)
    assert told["data"]["metadata"] == {"order": "17"}
    assert first.path == "/hook?key=planted-in-the-url"
    waiting = f"{own_service.prefix}:webhooks"
    wait_until(lambda: "webhook failed" in worker.log())
    own_service.redis.zadd(waiting, {job.id: 1}, xx=True)  # no need to wait for the pause
    second, again = receiver.next()

    assert (again, second.headers["webhook-id"]) == (told, first.headers["webhook-id"])
    wait_until(lambda: own_service.redis.zcard(waiting) == 0)
    wait_until(lambda: "webhook received" in worker.log())
    assert "planted-in-the-url" not in worker.log()
    assert SECRET not in worker.log()


def test_no_slot_waits_for_a_receiver_that_does_not_answer(
    own_service: Service, start_worker: StartWorker, receiver: Receiver
) -> None:
    """More receivers hang than there are threads to tell them, and jobs run on."""
    start_worker(**PRIVATE)
    for _ in range(6):
        receiver.statuses.put(None)
        own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url}).result(30)
    for _ in range(4):
        receiver.next()

    for _ in range(3):
        assert own_service.queue.generate(MODEL, "Why?").result(30).text


def test_a_receiver_that_hangs_holds_up_no_other(
    own_service: Service, start_worker: StartWorker, receiver: Receiver
) -> None:
    """More messages than there are calls at a time are due for it before one for another receiver, which is called."""
    for _ in range(AT_A_TIME + 10):
        receiver.statuses.put(None)
        own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url}, wait_for_model=True).cancel()
    with closing(Receiver()) as other:
        job = own_service.queue.generate(MODEL, "Why?", notify={"url": other.url}, wait_for_model=True)
        job.cancel()
        worker = start_worker(**PRIVATE)

        _, told = other.next()

        assert told["data"]["id"] == job.id
        for _ in range(PER_RECEIVER):
            receiver.next()
        assert receiver.calls.empty()
        assert "webhook failed" not in worker.log()  # no call of the other had ended


def test_the_messages_of_one_receiver_follow_one_another(
    own_service: Service, start_worker: StartWorker, receiver: Receiver
) -> None:
    """More than it gets at a time: each follows the end of an earlier call, and none is lost or doubled."""
    ids = set()
    for _ in range(3 * PER_RECEIVER):
        job = own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url}, wait_for_model=True)
        job.cancel()
        ids.add(job.id)
    start_worker(**PRIVATE)

    assert {receiver.next()[1]["data"]["id"] for _ in ids} == ids
    wait_until(lambda: own_service.redis.zcard(f"{own_service.prefix}:webhooks") == 0)
    assert receiver.calls.empty()


def test_one_that_no_worker_would_send_is_refused(
    own_service: Service, start_worker: StartWorker, receiver: Receiver
) -> None:
    """Also by the inbox. Before the first worker it is taken, since that may have a secret; here the second has."""
    early = own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url}, wait_for_model=True)
    start_worker()
    early.result(MAX_WAIT_SECONDS)

    with pytest.raises(InvalidRequest, match="notify: no worker sends webhooks: set LLAMAQ_WEBHOOK_SECRET"):
        own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url})
    request = f'{{"model": "{MODEL}", "prompt": "Why?", "notify": {{"url": "{receiver.url}"}}}}'
    own_service.redis.xadd(f"{own_service.prefix}:inbox", {"id": "job-8", "kind": "generate", "request": request})
    with pytest.raises(JobFailed, match="no worker sends webhooks"):
        own_service.queue.job("job-8").result(MAX_WAIT_SECONDS)

    start_worker(**PRIVATE)
    assert receiver.next()[1]["data"]["id"] == early.id
    wait_until(lambda: own_service.redis.exists(f"{own_service.prefix}:webhook_sender:private") == 1)
    own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url}).result(MAX_WAIT_SECONDS)
    receiver.next()


def test_a_private_address_is_not_called(own_service: Service, start_worker: StartWorker, receiver: Receiver) -> None:
    """Unless the setting allows it. Where only the worker's resolver tells, the message is set aside."""
    start_worker(webhook_secret=SECRET)
    with pytest.raises(InvalidRequest, match="LLAMAQ_WEBHOOK_PRIVATE=1"):
        own_service.queue.generate(MODEL, "Why?", notify={"url": receiver.url})

    hidden = receiver.url.replace("127.0.0.1", "127.1")
    job = own_service.queue.generate(MODEL, "Why?", notify={"url": hidden})
    job.result(30)

    wait_until(lambda: bool(own_service.queue.dead()))

    (letter,) = own_service.queue.dead()
    assert (letter.job_id, letter.source) == (job.id, "webhook")
    assert "not a public address" in letter.reason
    assert receiver.calls.empty()


def test_a_job_of_any_way_in_may_be_told_of(
    own_service: Service, start_worker: StartWorker, receiver: Receiver
) -> None:
    """By the inbox as well; and a cancel, which no worker runs, is told like any other end."""
    start_worker(**PRIVATE)
    own_service.hold(tokens=["a", "b"], hold_after=1)
    request = f'{{"model": "{MODEL}", "prompt": "Why?", "notify": {{"url": "{receiver.url}", "include_result": true}}}}'
    own_service.redis.xadd(f"{own_service.prefix}:inbox", {"id": "job-7", "kind": "generate", "request": request})
    own_service.wait_requests(1)

    own_service.redis.xadd(f"{own_service.prefix}:inbox", {"cancel": "job-7", "reason": "no"})

    _, told = receiver.next()
    assert (told["type"], told["data"]["id"], told["data"]["reason"]) == ("job.cancelled", "job-7", "no")
