"""What a tenant keeps over OpenAI's durable API does not exist for another, by any path."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.access.caller import Caller
from gateway.access.keys_file import Entry, hash_key, render_line
from tests.conftest import MODEL
from tests.gateway import batching
from tests.gateway_process import GatewayProcess
from tests.service import Service

CALLERS = (
    Caller("alice", "acme", models=("smollm2",)),
    Caller("bob", "bolt"),
    Caller("root", "ops", admin=True),
)


class Holder:
    """The holder of a key, in place of a gateway.

    Attributes:
        http: a client with the key.
    """

    def __init__(self, gateway: GatewayProcess, name: str) -> None:
        headers = {"Authorization": f"Bearer key-of-{name}"}
        self.http = httpx.Client(base_url=gateway.url, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def holders(
    shared_front: tuple[Service, GatewayProcess], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Holder]]:
    """The holders of the keys of a gateway of their own."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("".join(render_line(Entry(hash_key(f"key-of-{caller.name}"), caller)) for caller in CALLERS))
    service, _ = shared_front
    with GatewayProcess(service.url, prefix=service.prefix, gateway_keys_file=path) as gateway:
        holders = {caller.name: Holder(gateway, caller.name) for caller in CALLERS}
        yield holders
        for holder in holders.values():
            holder.http.close()


NOT_FOUND = {"not_found", "response_not_found", "item_not_found"}


def is_not_found(answer: httpx.Response) -> bool:
    """Whether it says what it says of an id that there is not."""
    return answer.status_code == 404 and answer.json()["error"]["code"] in NOT_FOUND


def test_the_response_of_another_tenant_is_not_there(holders: dict[str, Holder], service: Service) -> None:
    """Neither to be read, nor to be followed; `admin` sees it."""
    service.ollama.script(tokens=["secret"])
    given = {"model": MODEL, "input": "hi"}
    made = holders["alice"].http.post("/v1/responses", json=given).json()
    name, item = made["id"], {"type": "item_reference", "id": made["output"][0]["id"]}

    bob = holders["bob"].http
    for method, path in (
        ("GET", ""),
        ("GET", "?stream=true"),
        ("GET", "/input_items"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ):
        assert is_not_found(bob.request(method, f"/v1/responses/{name}{path}")), path
    follows = bob.post("/v1/responses", json={**given, "previous_response_id": name})
    assert is_not_found(follows)
    assert "secret" not in follows.text
    assert is_not_found(bob.post("/v1/responses", json={**given, "input": [item]}))
    assert holders["root"].http.get(f"/v1/responses/{name}").status_code == 200
    assert holders["alice"].http.delete(f"/v1/responses/{name}").status_code == 200


def test_the_files_and_batches_of_another_tenant_are_not_there(holders: dict[str, Holder], service: Service) -> None:
    """Nor in lists; a batch of a key is of its tenant, and within its models."""
    service.ollama.script(tokens=["fine"], times=None)
    alice, bob, root = (holders[name] for name in ("alice", "bob", "root"))
    lines = [
        batching.build_line("a"),
        batching.build_line("b", model="smollm2-b:135m", messages=[{"role": "user", "content": "x"}]),
    ]
    batch = batching.create_batch(alice, lines)
    done = batching.wait_for_status(alice, batch["id"])

    assert batching.read_counts(done) == (2, 1, 1)
    failed = batching.read_rows(alice, done["error_file_id"])["b"]
    assert failed["response"]["body"]["error"]["code"] == "model_not_allowed"
    job_id = batching.read_rows(alice, done["output_file_id"])["a"]["response"]["request_id"]
    assert service.queue.job(job_id).status().tenant == "acme"
    for name in (batch["input_file_id"], done["output_file_id"]):
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            assert is_not_found(bob.http.request(method, f"/v1/files/{name}{path}")), path
    assert is_not_found(bob.http.get(f"/v1/batches/{batch['id']}"))
    assert is_not_found(bob.http.post(f"/v1/batches/{batch['id']}/cancel"))
    assert is_not_found(batching.post_batch(bob, batch["input_file_id"]))
    assert bob.http.get("/v1/files").json()["data"] == bob.http.get("/v1/batches").json()["data"] == []
    assert root.http.get(f"/v1/batches/{batch['id']}").json() == done
    assert root.http.get(f"/v1/files/{done['output_file_id']}/content").status_code == 200


def test_a_batch_of_an_admin_is_of_the_tenant_of_its_file(holders: dict[str, Holder], service: Service) -> None:
    """So are its jobs and its results; the tenant sees them."""
    service.ollama.script(tokens=["fine"])
    alice, root = holders["alice"], holders["root"]
    file_id = batching.upload_lines(alice, [batching.build_line("a")])

    batch = batching.post_batch(root, file_id).json()
    done = batching.wait_for_status(alice, batch["id"])

    assert service.queue.job(f"{batch['id']}-1").status().tenant == "acme"
    assert batching.read_text(batching.read_rows(alice, done["output_file_id"])["a"]) == "fine"


@pytest.mark.parametrize("path", ["/v1/responses/x", "/v1/files", "/v1/files/x", "/v1/batches", "/v1/batches/x"])
def test_without_a_key_nothing_is_told(holders: dict[str, Holder], path: str) -> None:
    """401, in OpenAI's form."""
    refused = httpx.get(f"{holders['bob'].http.base_url}{path}", timeout=60)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
