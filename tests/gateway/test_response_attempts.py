"""A worker dies in the middle of a response: what the stream tells, and that no text is mixed."""

import signal
from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from tests.conftest import StartWorker
from tests.gateway.responding import (
    Body,
    get_response,
    join_item_texts,
    join_text,
    open_stream,
    read_stream,
    wait_for_end,
)
from tests.gateway_process import GatewayProcess
from tests.service import Service
from tests.worker_process import WorkerProcess


@pytest.fixture
def service(redis_server: EmbeddedRedis, prefix: str, queue: JobQueue, ollama: ScriptedOllama) -> Iterator[Service]:
    """A host that no worker serves yet."""
    service = Service(redis_server.url, prefix, queue, ollama)
    yield service
    service.close()


@pytest.fixture
def gateway(redis_server: EmbeddedRedis, prefix: str) -> Iterator[GatewayProcess]:
    """A gateway of the same prefix."""
    with GatewayProcess(redis_server.url, prefix=prefix) as gateway:
        yield gateway


@pytest.fixture
def doomed(start_worker: StartWorker, service: Service) -> WorkerProcess:
    """A worker whose first answer stops in the middle, and another that takes its job up."""
    doomed = start_worker(host="shared")
    service.hold(tokens=["The", " sk"], hold_after=2)
    return doomed


def read_up_to_text(events: Iterator[Body]) -> list[Body]:
    """The events up to the whole of what the doomed worker says."""
    seen: list[Body] = []
    while "".join(join_item_texts(seen).values()) != "The sk":
        seen.append(next(events))
    return seen


def test_a_background_stream_goes_on_with_new_items(
    gateway: GatewayProcess, service: Service, doomed: WorkerProcess, start_worker: StartWorker
) -> None:
    """The void item ends incomplete; the text of the next attempt is in an item of its own, for late readers too."""
    with open_stream(gateway, background=True) as events:
        seen = read_up_to_text(events)
        start_worker(host="shared")
        service.ollama.script(tokens=["Blue."])
        doomed.signal(signal.SIGKILL)
        doomed.wait()
        service.expire_leases()
        seen += events

    assert list(join_item_texts(seen).values()) == ["The sk", "Blue."]
    done = [event["item"] for event in seen if event["type"] == "response.output_item.done"]
    assert [item["status"] for item in done] == ["incomplete", "completed"]
    restarts = [event["response"]["output"] for event in seen if event["type"] == "response.in_progress"]
    assert restarts == [[], []]
    final = seen[-1]["response"]
    assert join_text(final) == "Blue."
    assert final == get_response(gateway, final["id"])
    assert [event["sequence_number"] for event in seen] == list(range(len(seen)))
    for number in range(len(seen)):
        assert read_stream(gateway, final["id"], number) == seen[number + 1 :]


def test_a_stream_of_a_client_ends_where_its_text_is_void(
    gateway: GatewayProcess, service: Service, doomed: WorkerProcess, start_worker: StartWorker
) -> None:
    """Whoever only joins the pieces would mix two texts: so it ends with an error, and its job is cancelled."""
    with open_stream(gateway) as events:
        seen = read_up_to_text(events)
        start_worker(host="shared")
        gate = service.hold(tokens=["Blue."])
        doomed.signal(signal.SIGKILL)
        doomed.wait()
        service.expire_leases()
        seen += events
    service.ollama.release(gate)

    assert (seen[-1]["type"], seen[-1]["code"]) == ("error", "restarted")
    assert list(join_item_texts(seen).values()) == ["The sk"]
    assert wait_for_end(gateway, seen[0]["response"]["id"])["status"] == "cancelled"
