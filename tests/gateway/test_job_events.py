"""A job's events as Server-Sent Events, and reading on after a cut."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import MODEL
from tests.gateway.raw import connect
from tests.gateway_process import GatewayProcess
from tests.service import Service, wait_until
from tests.sse import Frame, frames, logged

TOKENS = [f"token {number} " for number in range(8)]
CUT = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _submit(gateway: GatewayProcess) -> str:
    job = {"kind": "generate", "model": MODEL, "prompt": "Say hello."}
    job_id: str = gateway.http.post("/jobs", json=job).json()["id"]
    return job_id


def _read(gateway: GatewayProcess, job_id: str, most: int = 10_000, after: str | None = None) -> list[Frame]:
    """So many events of the log at most; then the connection is cut."""
    headers = {"Last-Event-ID": after} if after else {}
    found: list[Frame] = []
    with gateway.http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for frame in frames(answer.iter_lines()):
                if frame.id is not None:
                    found.append(frame)
                if len(found) == most:
                    return found
    return found


@pytest.fixture
def ended(gateway: GatewayProcess, service: Service) -> tuple[str, list[Frame]]:
    """A job that has ended, and all its events."""
    service.ollama.script(tokens=TOKENS, rate=200)
    job_id = _submit(gateway)
    return job_id, _read(gateway, job_id)


def test_the_frames_are_the_log(gateway: GatewayProcess, service: Service, ended: tuple[str, list[Frame]]) -> None:
    """`id` is the cursor, `event` the type, `data` the JSON of the event; the last one is terminal."""
    job_id, whole = ended

    assert [(frame.id, frame.data) for frame in whole] == service.log(job_id)
    assert [frame.event for frame in whole] == [json.loads(frame.data)["type"] for frame in whole]
    assert whole[-1].event == "completed"


def test_each_frame_is_a_chunk_of_http(gateway: GatewayProcess, ended: tuple[str, list[Frame]]) -> None:
    """Also where all of them are one write, as of a log that is read from its start: some clients go by chunks."""
    job_id, whole = ended
    with connect(gateway.url) as raw:
        raw.send(f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        _, _, body = raw.read_rest().partition(b"\r\n\r\n")
    chunks = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        body = rest[int(size, 16) + 2 :]

    assert chunks.pop() == b""
    found = [list(frames(chunk.decode().split("\n"))) for chunk in chunks]
    assert found == [[frame] for frame in whole]


@CUT
@given(data=st.data())
def test_after_a_cut_at_any_event_the_rest_comes_exactly(
    gateway: GatewayProcess, ended: tuple[str, list[Frame]], data: st.DataObject
) -> None:
    """By `Last-Event-ID` and by `after`; behind the last event there is nothing: 204, and a browser stays away."""
    job_id, whole = ended
    cut = data.draw(st.integers(1, len(whole)))
    last = whole[cut - 1].id
    assert last is not None

    assert _read(gateway, job_id, after=last) == whole[cut:]
    answer = gateway.http.get(f"/jobs/{job_id}/events", params={"after": last})
    assert logged(answer.text.splitlines()) == whole[cut:]
    assert answer.status_code == (204 if cut == len(whole) else 200)


@settings(CUT, max_examples=6)
@given(cuts=st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_reader_that_is_cut_again_and_again_while_the_job_runs_misses_nothing(
    gateway: GatewayProcess, service: Service, cuts: list[int]
) -> None:
    """The pieces of several connections join to the log, without a gap or a duplicate; the job does not notice."""
    service.ollama.script(tokens=TOKENS, rate=100)
    job_id = _submit(gateway)
    found: list[Frame] = []
    for most in [*cuts, 10_000]:
        found += _read(gateway, job_id, most, found[-1].id if found else None)

    assert [(frame.id, frame.data) for frame in found] == service.log(job_id)
    assert found[-1].event == "completed"


def test_a_reader_that_leaves_changes_nothing(gateway: GatewayProcess, service: Service) -> None:
    """The job goes on, and ends as it would have."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job_id = _submit(gateway)
    _read(gateway, job_id, most=3)

    service.ollama.release(gate)

    assert service.queue.job(job_id).result(30).text == "ab"


def test_a_log_that_cannot_be_read_on_ends_the_stream(gateway: GatewayProcess, service: Service) -> None:
    """In order, and with the reason as a comment: it is no fault of the gateway. The next request has the status."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job_id, cursor = _submit(gateway), ""
    log, lines = service.keys.events(job_id), list[str]()
    with gateway.http.stream("GET", f"/jobs/{job_id}/events") as answer:
        for line in answer.iter_lines():
            lines.append(line)
            if line.startswith("id: "):
                cursor = line.removeprefix("id: ")
            if line == "event: delta":
                service.redis.publish(log, f"{service.redis.xadd(log, {'event': '{'})} {{")

    assert lines[-2:] == [": unreadable_event; reconnect", ""]
    assert gateway.http.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": cursor}).status_code == 503
    assert "fault: " not in gateway.log()
    service.queue.job(job_id).cancel()
    service.ollama.release(gate)


def test_the_header_goes_before_the_query(gateway: GatewayProcess, ended: tuple[str, list[Frame]]) -> None:
    """A browser that connects again sends both: the query is that of its first connection."""
    job_id, whole = ended
    headers = {"Last-Event-ID": whole[3].id or ""}

    answer = gateway.http.get(f"/jobs/{job_id}/events", params={"after": whole[0].id}, headers=headers)

    assert logged(answer.text.splitlines()) == whole[4:]


def test_a_reader_that_leaves_is_not_subscribed_any_longer(gateway: GatewayProcess, service: Service) -> None:
    """Also one that leaves before its answer has begun, because nothing new has come."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job_id = _submit(gateway)
    *_, last = _read(gateway, job_id, most=3)
    channel = service.keys.events(job_id)

    def count_readers() -> int:
        return int(service.redis.pubsub_numsub(channel)[0][1])

    wait_until(lambda: count_readers() == 0)
    with connect(gateway.url) as reader:
        head = f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: {last.id}\r\n\r\n"
        reader.send(head.encode())
        wait_until(lambda: count_readers() == 1)

    wait_until(lambda: count_readers() == 0)
    service.ollama.release(gate)
    assert service.queue.job(job_id).result(30).text == "ab"


@pytest.mark.parametrize("cursor", ["soon", "1-1-1", "-1", "9" * 30])
def test_what_is_no_cursor_is_refused(gateway: GatewayProcess, ended: tuple[str, list[Frame]], cursor: str) -> None:
    """400, before a stream begins."""
    answer = gateway.http.get(f"/jobs/{ended[0]}/events", params={"after": cursor})

    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "after")


def test_a_cursor_that_is_no_longer_kept_is_gone(gateway: GatewayProcess, ended: tuple[str, list[Frame]]) -> None:
    """410, which a browser does not try again."""
    answer = gateway.http.get(f"/jobs/{ended[0]}/events", params={"after": "1-1"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "cursor_expired")


def test_a_place_in_the_queue_that_changes_is_told_without_an_id(gateway: GatewayProcess, service: Service) -> None:
    """It is in no log, so a reader that is cut there goes on behind the event before it."""
    for _ in range(2):
        service.hold()
        _submit(gateway)
    service.wait_requests(2)
    ahead, job_id = _submit(gateway), _submit(gateway)

    with gateway.http.stream("GET", f"/jobs/{job_id}/events") as answer:
        lines = answer.iter_lines()
        read = frames(lines)
        first = next(read)
        gateway.http.post(f"/jobs/{ahead}/cancel")
        fresh = next(frame for frame in read if frame.event == "queued")

    assert [json.loads(frame.data)["position"] for frame in (first, fresh)] == [1, 0]
    assert (first.id, fresh.id) == (service.log(job_id)[0][0], None)
