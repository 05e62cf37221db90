"""Backends with the SDK: FastAPI with server-sent events, and Django's views, each served as in production."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import requests

from tests.conftest import MODEL
from tests.examples.program import EXAMPLES, Program
from tests.service import Service

TOKENS = ["It", " is", " «blue»", "\nand so", " on."]
WSGI = """
import socketserver, wsgiref.simple_server as simple
class Server(socketserver.ThreadingMixIn, simple.WSGIServer): daemon_threads = True
from app import application
with simple.make_server("127.0.0.1", 0, application, Server) as server:
    print(f"running on http://127.0.0.1:{server.server_port}")
    server.serve_forever()
"""
SECONDS = 30


class Sent(NamedTuple):
    """One server-sent event."""

    id: str
    event: str
    data: str


def serve(command: list[str], environment: dict[str, str], name: str) -> Iterator[str]:
    """The address of an example's server."""
    with Program(command, environment, EXAMPLES / name) as program:
        yield program.line(r"running on (http://127\.0\.0\.1:\d+)")[1]


@pytest.fixture(scope="module")
def fastapi(environment: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "-m", "uvicorn", "--factory", "app:create_app", "--port", "0"]
    yield from serve(command, environment, "fastapi")


@pytest.fixture(scope="module")
def django(environment: dict[str, str]) -> Iterator[str]:
    yield from serve([sys.executable, "-c", WSGI], environment, "django")


@pytest.fixture
def django_without_redis(environment: dict[str, str]) -> Iterator[str]:
    nowhere = {"LLAMAQ_REDIS_URL": "redis://127.0.0.1:1/0"}
    yield from serve([sys.executable, "-c", WSGI], environment | nowhere, "django")


def events(answer: requests.Response) -> Iterator[Sent]:
    """The stream, as a browser's EventSource takes it apart."""
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    answer.encoding = "utf-8"
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields.keys() >= {"id", "event", "data"}:
            yield Sent(fields["id"], fields["event"], fields["data"])
            fields = {}


def logged(service: Service, job_id: str) -> list[Sent]:
    """What a reader of the whole log must have got."""
    return [Sent(cursor, json.loads(event)["type"], event) for cursor, event in service.log(job_id)]


def ask(address: str, model: str = MODEL, **query: str) -> requests.Response:
    return requests.post(f"{address}/jobs", json={"model": model, "prompt": "Why?"}, params=query, timeout=SECONDS)


def test_a_browser_that_was_cut_reads_on_behind_its_last_event(service: Service, fastapi: str) -> None:
    """`Last-Event-ID` is the cursor: the two halves are the log, and leaving did not cancel the job."""
    gate = service.hold(tokens=TOKENS, hold_after=2)
    job_id = ask(fastapi).json()["id"]
    url = f"{fastapi}/jobs/{job_id}/events"
    seen = []
    with requests.get(url, stream=True, timeout=SECONDS) as answer:
        for sent in events(answer):
            seen.append(sent)
            if sent.event == "delta":
                break
    service.ollama.release(gate)

    with requests.get(url, stream=True, timeout=SECONDS, headers={"Last-Event-ID": seen[-1].id}) as answer:
        seen += events(answer)

    # A job that waits is told its place as it changes; such an event is in no log.
    assert [sent for sent in seen if '"fresh":true' not in sent.data] == logged(service, job_id)
    assert seen[-1].event == "completed"
    again = requests.get(url, timeout=SECONDS, headers={"Last-Event-ID": seen[-1].id})
    assert again.status_code == 204, "a browser would connect for ever"


def test_what_cannot_be_streamed_is_a_status(service: Service, fastapi: str) -> None:
    """No such job, no such model, something that is no cursor: told before the stream begins."""
    job_id = ask(fastapi).json()["id"]
    service.queue.job(job_id).result(SECONDS)
    url = f"{fastapi}/jobs/{job_id}/events"

    assert requests.get(f"{fastapi}/jobs/nobody/events", timeout=SECONDS).status_code == 404
    assert requests.get(url, timeout=SECONDS, headers={"Last-Event-ID": "x"}).status_code == 400
    assert ask(fastapi, "nobody-has-this").status_code == 422
    gate = service.hold(tokens=TOKENS, hold_after=1)
    url = f"{fastapi}/jobs/{ask(fastapi).json()['id']}/events"
    service.wait_held(gate)
    for cursor, status in (("x", 400), ("1-1", 410)):
        assert requests.get(url, timeout=SECONDS, headers={"Last-Event-ID": cursor}).status_code == status
    service.ollama.release(gate)


def test_a_browser_may_cancel(service: Service, fastapi: str) -> None:
    """The stream ends with `cancelled`, and the host is free."""
    service.hold(tokens=TOKENS, hold_after=1)
    job_id = ask(fastapi).json()["id"]
    with requests.get(f"{fastapi}/jobs/{job_id}/events", stream=True, timeout=SECONDS) as answer:
        reading = events(answer)
        assert any(sent.event == "delta" for sent in reading)

        assert requests.delete(f"{fastapi}/jobs/{job_id}", timeout=SECONDS).json() == {"cancelled": True}

        assert [sent.event for sent in reading][-1] == "cancelled"
    service.wait_hung_up()


def test_django_waits_for_an_answer_or_gives_the_id(service: Service, django: str) -> None:
    """With `wait`, the text; when it is not there in time, the id under which it will be."""
    service.ollama.script(tokens=TOKENS)
    assert ask(django, wait="30").json()["text"] == "".join(TOKENS)
    service.hold(tokens=TOKENS, hold_after=1)

    late = ask(django, wait="0.2")

    assert late.status_code == 202
    state = requests.get(f"{django}/jobs/{late.json()['id']}", timeout=SECONDS).json()["state"]
    assert state in {"queued", "running"}
    assert ask(django, "nobody-has-this").status_code == 422
    assert requests.get(f"{django}/jobs/nobody", timeout=SECONDS).status_code == 404


def test_django_streams_the_text_as_it_comes(service: Service, django: str) -> None:
    """The first pieces are there while the model still writes."""
    gate = service.hold(tokens=TOKENS, hold_after=2)
    job_id = ask(django).json()["id"]
    with requests.get(f"{django}/jobs/{job_id}/text", stream=True, timeout=SECONDS) as answer:
        pieces = answer.iter_content(chunk_size=1)
        text = b""
        while text.decode() != "It is":
            text += next(pieces)
        service.ollama.release(gate)
        text += b"".join(pieces)

    assert text.decode() == "".join(TOKENS)


def test_django_tells_how_a_job_ended_without_an_answer(service: Service, django: str) -> None:
    """One that was cancelled, and one that failed: a status of its own where it waits, a line where it streams."""
    service.hold(tokens=TOKENS, hold_after=1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, django, wait="30")
        service.wait_requests(1)
        (job,) = (status for status in service.queue.jobs() if not status.ended)
        service.queue.job(job.id).cancel("enough")
    assert (waiting.result().status_code, waiting.result().json()) == (409, {"id": job.id, "error": "enough"})
    assert requests.get(f"{django}/jobs/{job.id}/text", timeout=SECONDS).text.endswith("\n[enough]\n")

    expired = service.queue.generate("nobody-has-this", "Why?", wait_for_model=True, start_within=0.001)
    assert "start_within" in requests.get(f"{django}/jobs/{expired.id}/text", timeout=SECONDS).text

    service.ollama.script(status=400, body={"error": "no"})
    failed = ask(django, wait="30")
    assert (failed.status_code, "no" in failed.json()["error"]) == (502, True)


def test_django_says_what_is_wrong_with_a_request(django: str) -> None:
    """A field that is not there is named."""
    answer = requests.post(f"{django}/jobs", json={"model": MODEL}, timeout=SECONDS)

    assert answer.status_code == 422
    assert answer.json()["error"].startswith("prompt: ")


def test_django_says_that_redis_is_away(django_without_redis: str) -> None:
    """It is no fault of the request: 503, for each view."""
    views = (f"{django_without_redis}/jobs/x", f"{django_without_redis}/jobs/x/text")
    answers = [ask(django_without_redis), *(requests.get(view, timeout=SECONDS) for view in views)]

    assert [answer.status_code for answer in answers] == [503] * 3
    assert all("is it running there?" in answer.json()["error"] for answer in answers)
