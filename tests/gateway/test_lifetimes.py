"""What the gateway leaves in Redis has a lifetime, whatever was asked of it."""

import re
from pathlib import Path

from gateway.access.caller import Caller
from gateway.access.keys_file import Entry, hash_key, render_line
from tests.conftest import MODEL
from tests.gateway import batching
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, wait_until

_OWN = re.compile(r":(files|batches|gateway)\b|:(file|pieces|batch)$")
"""Keys of the gateway's own. tests/faults/test_keyspace.py shows that nothing is left of jobs and of the fleet."""


def list_own_keys(service: Service) -> set[str]:
    """The keys of the gateway's own."""
    return {key for key in service.redis.scan_iter(f"{service.prefix}*", count=1000) if _OWN.search(key)}


def list_eternal_keys(service: Service) -> set[str]:
    """Those of them that have no lifetime."""
    return {key for key in list_own_keys(service) if service.redis.ttl(key) == -1}


def test_each_key_of_files_batches_responses_and_sessions_has_a_lifetime(
    gateway: GatewayProcess, service: Service, tmp_path: Path
) -> None:
    """Also of a batch that failed, and of one that was cancelled; of a file that was deleted there is no key."""
    name = fresh_name()
    keys = tmp_path / "keys"
    keys.write_text(render_line(Entry(hash_key(name), Caller(name, name, admin=True, requests_a_minute=100_000))))
    before = list_own_keys(service)
    with GatewayProcess(service.url, prefix=service.prefix, gateway_keys_file=keys) as front:
        front.http.headers["Authorization"] = f"Bearer {name}"
        deleted = batching.upload_lines(front, [batching.build_line("a")])
        wrong = batching.build_line("b", model="nope", messages=[{"role": "user", "content": "b"}])
        whole = batching.create_batch(front, [batching.build_line("a"), wrong])
        failed = batching.create_batch(front, "no JSON")
        ends = [batching.wait_for_status(front, batch["id"])["status"] for batch in (whole, failed)]
        gate = service.hold(contains="held back")
        cut = batching.create_batch(front, [batching.build_line("answered"), batching.build_line("held back")])
        service.wait_held(gate)
        wait_until(lambda: batching.read_counts(batching.get_batch(front, cut["id"])) == (2, 1, 0))
        while_open = list_eternal_keys(service)
        front.http.post(f"/v1/batches/{cut['id']}/cancel").raise_for_status()
        ends.append(batching.wait_for_status(front, cut["id"])["status"])
        front.http.delete(f"/v1/files/{deleted}").raise_for_status()
        front.http.post("/v1/responses", json={"model": MODEL, "input": "hi"}).raise_for_status()
        front.http.post("/ui/sign-in", data={"key": name})
    service.ollama.release(gate)
    wait_until(lambda: service.slots_held() == 0)

    made = list_own_keys(service) - before
    kinds = ("file", "pieces", "batch", "gateway:rate", "gateway:session", f"files:{name}", f"batches:{name}")
    assert ends == ["completed", "failed", "cancelled"]
    assert [kind for kind in kinds if not any(kind in key for key in made)] == []
    assert not any(deleted in key for key in made)
    assert while_open - before == set()
    assert list_eternal_keys(service) - before == set()
    assert service.redis.zcard(f"{service.prefix}:batches") == 0
