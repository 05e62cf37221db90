"""A client that leaves, on the synchronous paths: its job is cancelled, and the host sees its request closed."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.conftest import MODEL
from tests.faults.lateness import Lateness
from tests.gateway_process import GatewayProcess
from tests.service import Service, wait_until

SECONDS = 0.25
"""From the client's close to the host's notice of it: the promise, which two of three have to keep."""
LATEST_SECONDS = 1.0
"""What the third has. Three processes stand between the two, and the machine may let one of them stand still."""
MESSAGES = [{"role": "user", "content": "Hi."}]
ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": MODEL, "messages": MESSAGES},
    "/v1/completions": {"model": MODEL, "prompt": "Hi."},
    "/v1/responses": {"model": MODEL, "input": "Hi."},
    "/api/chat": {"model": MODEL, "messages": MESSAGES},
    "/api/generate": {"model": MODEL, "prompt": "Hi."},
}
PATHS = pytest.mark.parametrize("path", ASKED)
STREAMED = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


async def _leave(gateway: GatewayProcess, service: Service, path: str, gate: str, *, stream: bool) -> float:
    """Ask, leave once the host has begun to answer, and give the time of that."""
    async with gateway.client() as client:
        asking = asyncio.create_task(client.post(path, json={**ASKED[path], "stream": stream}))
        await asyncio.to_thread(service.wait_held, gate)
        asking.cancel()
        await asyncio.wait((asking,))
    return time.monotonic()


@PATHS
@STREAMED
def test_the_host_sees_the_request_closed_at_once(
    gateway: GatewayProcess, service: Service, path: str, *, stream: bool
) -> None:
    """Whether a piece was sent or not, and again and again; the job is cancelled, with the reason."""
    took: list[float] = []
    for number in range(1, 4):
        gate = service.hold(tokens=["a", "b"], hold_after=1 if number % 2 else 0)
        with Lateness() as late:
            left = asyncio.run(_leave(gateway, service, path, gate, stream=stream))
            service.wait_hung_up(number)
        entry = [one for one in service.ollama.stats()["requests"] if one["hung_up_at"]][-1]
        took.append(entry["hung_up_at"] - left - late.seconds)
        newest = service.queue.jobs(1)[0]
        assert (newest.state, newest.reason) == ("cancelled", "the client closed the connection")
    assert sorted(took)[1] < SECONDS
    assert max(took) < LATEST_SECONDS


@PATHS
@STREAMED
def test_a_job_that_waits_is_never_started(
    gateway: GatewayProcess, service: Service, path: str, *, stream: bool
) -> None:
    """Its client has left the queue."""
    gates = [service.hold(), service.hold()]
    for _ in gates:
        service.queue.submit({"kind": "generate", "model": MODEL, "prompt": "fills a slot"})
    service.wait_requests(2)

    async def leave() -> None:
        async with gateway.client() as client:
            asking = asyncio.create_task(client.post(path, json={**ASKED[path], "stream": stream}))
            await asyncio.to_thread(wait_until, lambda: len(service.queue.jobs(1, state="queued")) == 1)
            asking.cancel()
            await asyncio.wait((asking,))

    asyncio.run(leave())

    wait_until(lambda: service.queue.jobs(1)[0].state == "cancelled")
    assert len(service.list_requests()) == 2


@PATHS
@STREAMED
def test_an_answer_that_is_read_to_its_end_is_no_leaving(
    gateway: GatewayProcess, service: Service, path: str, *, stream: bool
) -> None:
    """The connection may close behind it, and may be used again."""
    for _ in range(2):
        answer = gateway.http.post(path, json={**ASKED[path], "stream": stream})
        assert answer.status_code == 200
    httpx.post(f"{gateway.url}{path}", json={**ASKED[path], "stream": stream}, timeout=60)

    assert [job.state for job in service.queue.jobs(3)] == ["completed"] * 3
