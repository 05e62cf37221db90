"""SIGTERM with open streams, and Redis away in the middle of them."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, start_service, wait_until
from tests.sse import Frame, frames
from tests.worker_process import WorkerProcess

STREAMS = 30
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hi."}], "stream": True}
GENERATE = {"kind": "generate", "model": MODEL, "prompt": "Hi."}


@pytest.fixture(scope="module")
def wide_service(redis_server: EmbeddedRedis) -> Iterator[Service]:
    """A service with a slot for each stream."""
    with start_service(redis_server.url, slots=STREAMS + 2) as service:
        yield service


@pytest.fixture
def wide(wide_service: Service) -> Iterator[Service]:
    """The same, idle and left idle."""
    with wide_service.apart() as service:
        yield service


class Reader:
    """One open stream.

    Attributes:
        lines: what has come of it.
        done: the task that reads it to its end.
    """

    def __init__(self, client: httpx.AsyncClient, method: str, path: str, body: object = None) -> None:
        self.lines: list[str] = []
        self.done = asyncio.create_task(self._read(client, method, path, body))

    async def _read(self, client: httpx.AsyncClient, method: str, path: str, body: object) -> int:
        async with client.stream(method, path, json=body) as answer:
            async for line in answer.aiter_lines():
                self.lines.append(line)
            return answer.status_code

    @property
    def frames(self) -> list[Frame]:
        """Its frames so far, without comments."""
        return [frame for frame in frames([*self.lines, ""]) if frame.event != "comment"]

    @property
    def text(self) -> str:
        """The text of a chat completion so far."""
        chunks = [json.loads(frame.data) for frame in self.frames if frame.data != "[DONE]"]
        return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk.get("choices"))


def _takes_requests(gateway: GatewayProcess) -> bool:
    try:
        return httpx.get(f"{gateway.url}/healthz", timeout=60).status_code == 200
    except httpx.ConnectError:
        return False


async def _open(gateway: GatewayProcess, number: int) -> list[Reader]:
    """So many streams, each with its first piece."""
    client = gateway.client(limits=httpx.Limits(max_connections=None))
    readers = [Reader(client, "POST", "/v1/chat/completions", CHAT) for _ in range(number)]
    await asyncio.to_thread(wait_until, lambda: all(reader.text or reader.done.done() for reader in readers))
    assert all(reader.text for reader in readers), [reader.lines for reader in readers]
    return readers


def test_sigterm_lets_open_streams_end_and_takes_no_new_request(wide: Service) -> None:
    """Every stream gets its whole answer; a reader of `/jobs` gets a comment at once, and reads on elsewhere."""
    gate = fresh_name()
    wide.ollama.script(tokens=["a", "b", "c"], hold=gate, hold_after=1, times=STREAMS + 1)
    given = {"prefix": wide.prefix, "drain_seconds": 60}

    async def run(gateway: GatewayProcess, other: GatewayProcess) -> None:
        readers = await _open(gateway, STREAMS)
        job_id = gateway.http.post("/jobs", json=GENERATE).json()["id"]
        follower = Reader(gateway.client(), "GET", f"/jobs/{job_id}/events")
        await asyncio.to_thread(wait_until, lambda: len(follower.frames) == 3)

        gateway.process.terminate()

        assert await follower.done == 200
        assert ": closing; reconnect" in follower.lines
        await asyncio.to_thread(wait_until, lambda: not _takes_requests(gateway))
        assert not any(reader.done.done() for reader in readers)
        wide.ollama.release(gate)
        assert [await reader.done for reader in readers] == [200] * STREAMS
        assert [reader.text for reader in readers] == ["abc"] * STREAMS
        assert {reader.frames[-1].data for reader in readers} == {"[DONE]"}
        rest = other.http.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": follower.frames[-1].id or ""})
        whole = [(frame.id, frame.data) for frame in [*follower.frames, *frames(rest.text.splitlines())]]
        assert whole == wide.log(job_id)

    with GatewayProcess(wide.url, **given) as gateway, GatewayProcess(wide.url, **given) as other:
        asyncio.run(run(gateway, other))
        assert gateway.process.wait(30) == 0


def test_a_response_in_the_background_is_read_on_elsewhere_after_sigterm(wide: Service) -> None:
    """Its stream ends at once with a comment, and goes on behind its last event at another process."""
    gate = wide.hold(tokens=["a", "b"], hold_after=1)
    asked = {"model": MODEL, "input": "Hi.", "background": True, "stream": True}

    async def run(gateway: GatewayProcess, other: GatewayProcess) -> None:
        reader = Reader(gateway.client(), "POST", "/v1/responses", asked)
        await asyncio.to_thread(wait_until, lambda: any("output_text.delta" in frame.event for frame in reader.frames))
        gateway.process.terminate()
        assert await reader.done == 200
        assert ": closing; reconnect" in reader.lines
        wide.ollama.release(gate)
        events = [json.loads(frame.data) for frame in reader.frames]
        path = f"/v1/responses/{events[0]['response']['id']}?stream=true&starting_after={events[-1]['sequence_number']}"
        rest = other.http.get(path).text.splitlines()
        events += [json.loads(frame.data) for frame in frames(rest) if frame.event != "comment"]
        assert [one["sequence_number"] for one in events] == list(range(len(events)))
        assert "".join(one["delta"] for one in events if one["type"] == "response.output_text.delta") == "ab"

    given = {"prefix": wide.prefix, "drain_seconds": 60}
    with GatewayProcess(wide.url, **given) as gateway, GatewayProcess(wide.url, **given) as other:
        asyncio.run(run(gateway, other))


def test_what_is_open_when_the_drain_is_over_is_cut_and_cancelled(wide: Service) -> None:
    """After `LLAMAQ_DRAIN_SECONDS`: the streams end, their jobs are cancelled, and the process ends in order."""
    gate = fresh_name()
    wide.ollama.script(tokens=["a", "b"], hold=gate, hold_after=1, times=5)

    async def run(gateway: GatewayProcess) -> None:
        readers = await _open(gateway, 5)
        gateway.process.terminate()
        ends = await asyncio.gather(*(reader.done for reader in readers), return_exceptions=True)
        assert [type(end) for end in ends] == [httpx.RemoteProtocolError] * 5

    with GatewayProcess(wide.url, prefix=wide.prefix, drain_seconds=1) as gateway:
        asyncio.run(run(gateway))
        assert gateway.process.wait(30) == 0
    wide.wait_hung_up(5)
    wait_until(lambda: [job.state for job in wide.queue.jobs(5)] == ["cancelled"] * 5)


def test_who_waits_for_a_job_is_answered_at_sigterm(wide: Service) -> None:
    """With its status: the job goes on without this process."""
    gate = wide.hold(tokens=["a", "b"], hold_after=1)
    with GatewayProcess(wide.url, prefix=wide.prefix, drain_seconds=60) as gateway, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(gateway.http.post, "/jobs", json=GENERATE, headers={"Prefer": "wait=600"})
        wide.wait_held(gate)
        gateway.process.terminate()
        answer = waiting.result(30)
        assert (answer.status_code, answer.json()["state"]) == (201, "running")
        assert gateway.process.wait(30) == 0
    wide.ollama.release(gate)
    assert wide.queue.job(answer.json()["id"]).result(30).text == "ab"


def test_streams_go_on_when_redis_is_back() -> None:
    """Redis is away in the middle of streams: each ends whole; a new request meanwhile is told to come again."""
    prefix = f"test-{fresh_name()[:12]}"
    with (
        EmbeddedRedis.start() as server,
        JobQueue(server.url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=10) as ollama,
        WorkerProcess(server.url, ollama.url, prefix=prefix, slots=10) as worker,
        GatewayProcess(server.url, prefix=prefix, call_seconds=3) as gateway,
    ):
        worker.start().ready(queue)
        service = Service(server.url, prefix, queue, ollama)
        ollama.script(count=60, text="x ", rate=20, times=10)

        async def run() -> None:
            readers = await _open(gateway, 10)
            await asyncio.to_thread(server.shut_down)
            refused = await asyncio.to_thread(gateway.http.post, "/v1/chat/completions", json=CHAT)
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json()["error"]["code"] == "broker_unavailable"
            ready = await asyncio.to_thread(gateway.http.get, "/readyz")
            assert ready.status_code == 503
            assert not [answer for answer in (refused, ready) if str(server.port) in answer.text]
            assert (await asyncio.to_thread(gateway.http.get, "/healthz")).status_code == 200
            await asyncio.to_thread(server.restart)
            assert [await reader.done for reader in readers] == [200] * 10
            assert [reader.text for reader in readers] == ["x " * 60] * 10

        asyncio.run(run())
        service.close()
        assert gateway.http.get("/readyz").status_code == 200
