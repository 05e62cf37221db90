"""Who may come in, over a gateway of two processes with a file of keys."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access.caller import Caller
from gateway.access.keys_file import Entry, hash_key, render_line
from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, wait_until

GENERATE = {"kind": "generate", "model": MODEL, "prompt": "A prompt that nobody else says."}
CALLERS = (
    Caller("alice", "acme"),
    Caller("bob", "bolt"),
    Caller("root", "ops", admin=True),
    Caller("low", "acme", highest_lane="batch"),
    Caller("small", "small", most_waiting=2),
    Caller("vision", "vision", models=("smollm2-vision",)),
)


def _key(name: str) -> str:
    return f"llq_key-of-{name}"


def _line(caller: Caller, key: str | None = None) -> str:
    return render_line(Entry(hash_key(key or _key(caller.name)), caller))


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, which a test may add lines to."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("".join(map(_line, CALLERS)))
    return path


@pytest.fixture(scope="module")
def kept(shared_front: tuple[Service, GatewayProcess], keys_file: Path) -> Iterator[GatewayProcess]:
    """Two processes that ask for keys."""
    service, _ = shared_front
    given = {"prefix": service.prefix, "gateway_keys_file": keys_file, "gateway_processes": 2}
    with GatewayProcess(service.url, **given) as gateway:
        yield gateway


def _ask(gateway: GatewayProcess, name: str, method: str, path: str, **request: Any) -> httpx.Response:
    """One request of a key's holder over a connection of its own, so over whichever process takes it."""
    headers = {"Authorization": f"Bearer {_key(name)}", **request.pop("headers", {})}
    return httpx.request(method, f"{gateway.url}{path}", headers=headers, timeout=60, **request)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}])
def test_without_a_key_nothing_is_told(kept: GatewayProcess, service: Service, headers: dict[str, str]) -> None:
    """401 in each dialect's form; the probes of the process need no key."""
    for path in ("/jobs", "/models", "/hosts", f"/jobs/{fresh_name()}/events", "/conversations"):
        refused = kept.http.get(path, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert kept.http.get("/healthz").status_code == 200


def test_the_job_of_another_tenant_does_not_exist_by_any_path(kept: GatewayProcess, service: Service) -> None:
    """404, word for word as for an id that there is not; `admin` sees all."""
    gate = service.hold(tokens=["a", "b"], hold_after=1)
    job_id = _ask(kept, "alice", "POST", "/jobs", json=GENERATE).json()["id"]
    service.wait_held(gate)
    assert service.queue.job(job_id).status().tenant == "acme"

    for method, path in (
        ("GET", ""),
        ("GET", "/result"),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("POST", "/replay"),
        ("DELETE", ""),
    ):
        refused = _ask(kept, "bob", method, f"/jobs/{job_id}{path}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "job_not_found"), path
    assert job_id not in _ask(kept, "bob", "GET", "/jobs").text
    assert job_id in _ask(kept, "alice", "GET", "/jobs").text
    assert job_id in _ask(kept, "root", "GET", "/jobs").text
    assert _ask(kept, "root", "POST", f"/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    assert _ask(kept, "alice", "DELETE", f"/jobs/{job_id}").status_code == 204


def test_conversations_belong_to_a_tenant(kept: GatewayProcess, service: Service) -> None:
    """The same name of another tenant is another conversation; only `admin` may name a tenant."""
    name = fresh_name()
    turn = {"kind": "chat", "model": MODEL, "conversation": name, "message": "Hi."}
    _ask(kept, "alice", "POST", "/jobs", json=turn, headers={"Prefer": "wait=30"})

    assert _ask(kept, "bob", "GET", f"/conversations/{name}").status_code == 404
    assert _ask(kept, "bob", "GET", f"/conversations/{name}?tenant=acme").status_code == 403
    assert _ask(kept, "root", "GET", f"/conversations/{name}?tenant=acme").status_code == 200
    assert name not in _ask(kept, "bob", "GET", "/conversations").text
    refused = _ask(kept, "bob", "POST", "/jobs", json={**turn, "tenant": "acme"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (403, "tenant")


def test_a_key_is_for_its_lanes_and_models(kept: GatewayProcess, service: Service) -> None:
    """A higher lane is refused by name; without one the job gets the best that the key may ask for, up to normal."""
    refused = _ask(kept, "low", "POST", "/jobs", json={**GENERATE, "priority": "normal"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (403, "priority")
    lanes = [_ask(kept, name, "POST", "/jobs", json=GENERATE).json()["lane"] for name in ("low", "alice")]
    assert lanes == ["batch", "normal"]
    assert _ask(kept, "alice", "POST", "/jobs", json={**GENERATE, "priority": "interactive"}).status_code == 201

    refused = _ask(kept, "vision", "POST", "/jobs", json=GENERATE)
    assert (refused.status_code, refused.json()["error"]["field"]) == (403, "model")
    assert _ask(kept, "vision", "POST", "/jobs", json={**GENERATE, "model": "smollm2-vision:135m"}).status_code == 201
    assert {one["model"] for one in _ask(kept, "vision", "GET", "/models").json()["models"]} == {"smollm2-vision:135m"}
    first = _ask(kept, "vision", "GET", "/jobs").json()["jobs"][0]["id"]
    assert _ask(kept, "vision", "POST", f"/jobs/{first}/replay", json={"model": MODEL}).status_code == 403


def test_the_waiting_jobs_of_a_key_are_bounded_over_both_processes(kept: GatewayProcess, service: Service) -> None:
    """429 with Retry-After; jobs that have a slot do not count."""
    gates = [service.hold(), service.hold()]
    for _ in gates:
        service.queue.submit({"kind": "generate", "model": MODEL, "prompt": "fills a slot"})
    service.wait_requests(2)

    answers = [_ask(kept, "small", "POST", "/jobs", json=GENERATE) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201, 201, 429, 429, 429, 429]
    assert answers[-1].json()["error"]["code"] == "queue_full"
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_the_rate_of_a_key_holds_over_both_processes(kept: GatewayProcess, service: Service, keys_file: Path) -> None:
    """So many requests are taken, and no more, whichever process they come to; the next are told when."""
    name = fresh_name()
    with keys_file.open("a") as file:
        file.write(_line(Caller(name, "rated", requests_a_minute=20)))

    answers = [_ask(kept, name, "GET", "/models") for _ in range(25)]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 5
    assert answers[-1].json()["error"]["code"] == "rate_limit_exceeded"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


def test_a_change_of_the_file_is_taken_under_load(kept: GatewayProcess, service: Service, keys_file: Path) -> None:
    """A new key works and a removed one does not, with the next request; no request of the others fails meanwhile.

    A change that is wrong changes nothing.
    """
    name, before = fresh_name(), keys_file.read_text()

    async def load(stop: asyncio.Event) -> set[int]:
        async with kept.client(_key("alice")) as client:
            seen = set()
            while not stop.is_set():
                seen.add((await client.get("/models")).status_code)
            return seen

    async def run() -> None:
        stop = asyncio.Event()
        others = [asyncio.create_task(load(stop)) for _ in range(4)]
        statuses = []
        for text, asking in (
            (before + _line(Caller(name, "new")), name),
            (before, name),
            ("half a li", "bob"),
            (before, "bob"),
        ):
            fresh = keys_file.with_name("fresh")
            fresh.write_text(text)
            fresh.replace(keys_file)
            statuses.append((await asyncio.to_thread(_ask, kept, asking, "GET", "/models")).status_code)
        stop.set()
        assert statuses == [200, 401, 200, 200]
        assert [await other for other in others] == [{200}] * 4

    asyncio.run(run())


def test_wrong_keys_do_not_slow_right_ones(kept: GatewayProcess, service: Service) -> None:
    """The answer to a wrong one waits a second, and while a hundred of them wait, right ones are answered."""

    async def wrong(client: httpx.AsyncClient, number: int, seen: dict[int, int]) -> None:
        for _ in range(number):
            answer = await client.get("/models", headers={"Authorization": f"Bearer {fresh_name()}"})
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1

    async def run() -> None:
        seen: dict[int, int] = {}
        limits = httpx.Limits(max_connections=None)
        async with kept.client(limits=limits) as client, kept.client(_key("alice")) as right:
            tasks = [asyncio.create_task(wrong(client, 2, seen)) for _ in range(100)]
            answers = [await right.get("/models") for _ in range(10)]
            assert not all(task.done() for task in tasks), "the right ones waited for the wrong ones"
            await asyncio.gather(*tasks)
        assert {answer.status_code for answer in answers} == {200}
        assert seen == {401: 200}

    asyncio.run(run())


def test_no_key_and_no_content_is_in_the_log(kept: GatewayProcess, service: Service) -> None:
    """It has route, status, time, the key's name and the job; nothing of a path that is no route."""
    _ask(kept, "alice", "POST", "/jobs", json={**GENERATE, "oops": "A prompt in a wrong field"})
    job_id = _ask(kept, "alice", "POST", "/jobs", json=GENERATE, headers={"Prefer": "wait=30"}).json()["id"]
    _ask(kept, "alice", "GET", "/llq_a-key-in-a-path?key=llq_a-key-in-a-query")
    wait_until(lambda: kept.log().count('"route": "unknown"') > 0)

    log = kept.log()

    assert f'"key": "alice", "job_id": "{job_id}"' in log
    for secret in ("llq_", "nobody else", "wrong field", "Hello from the script", hash_key(_key("alice"))):
        assert secret not in log
    assert re.search(r'"route": "/jobs", "status": 201, "seconds": [\d.]+', log)
