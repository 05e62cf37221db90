"""Ollama's API before several hosts: one list of all, loads on one and unloads on each."""

from collections.abc import Iterator

import pytest

from embedded.redis import EmbeddedRedis
from gateway.access.caller import Caller
from gateway.access.keys_file import Entry, hash_key, render_line
from tests.fleet.pair import Pair, pair
from tests.gateway_process import GatewayProcess
from tests.service import wait_until


@pytest.fixture(scope="module")
def fleet(redis_server: EmbeddedRedis) -> Iterator[Pair]:
    """Host `x` with the models a and b, host `y` with b and c."""
    with pair(redis_server.url) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def gateway(
    redis_server: EmbeddedRedis, fleet: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """With a key for all models, and one for b alone."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    callers = Caller("all", "acme"), Caller("some", "acme", models=("b",))
    keys.write_text("".join(render_line(Entry(hash_key(caller.name), caller)) for caller in callers))
    with GatewayProcess(redis_server.url, prefix=fleet.queue.settings.keys.prefix, gateway_keys_file=keys) as process:
        process.http.headers["Authorization"] = "Bearer all"
        yield process


SOME = {"Authorization": "Bearer some"}


def test_the_models_of_all_hosts_are_one_list(gateway: GatewayProcess) -> None:
    """Each name once; of those that the key is for."""
    names = [model["name"] for model in gateway.http.get("/api/tags").json()["models"]]
    some = [model["name"] for model in gateway.http.get("/api/tags", headers=SOME).json()["models"]]

    assert (sorted(names), some) == (["a:latest", "b:latest", "c:latest"], ["b:latest"])
    assert [model["id"] for model in gateway.http.get("/v1/models", headers=SOME).json()["data"]] == ["b:latest"]
    assert [gateway.http.get(f"/v1/models/{model}", headers=SOME).status_code for model in "ab"] == [404, 200]


def test_each_model_is_answered_by_a_host_that_has_it(gateway: GatewayProcess, fleet: Pair) -> None:
    """And shown, wherever it is."""
    for model in "abc":
        answer = gateway.http.post("/api/generate", json={"model": model, "prompt": "hi", "stream": False})
        assert (answer.status_code, answer.json()["model"]) == (200, model)
        assert gateway.http.post("/api/show", json={"model": model}).json()["capabilities"] == ["completion"]
    assert fleet.count_requests("x", "a:latest") >= 1
    assert fleet.count_requests("y", "c:latest") >= 1


def test_a_key_that_is_not_for_a_model(gateway: GatewayProcess) -> None:
    """It may neither use nor load it, and it is not shown to it; without a key there is only the greeting."""
    for body in ({"prompt": "hi"}, {}, {"keep_alive": 0}, {"prompt": "hi", "options": {"seed": "x"}}):
        refused = gateway.http.post("/api/generate", json={"model": "a", **body}, headers=SOME)
        assert (refused.status_code, refused.headers["content-type"]) == (403, "application/json; charset=utf-8")
        assert refused.json() == {"error": "your key is not for the model 'a'"}
    assert gateway.http.post("/api/show", json={"model": "a"}, headers=SOME).status_code == 404
    nobody = {"Authorization": ""}
    assert gateway.http.get("/", headers=nobody).status_code == 200
    assert gateway.http.get("/api/tags", headers=nobody).status_code == 401
    assert gateway.http.post("/api/chat", json={"model": "a"}, headers=nobody).status_code == 401


def test_a_load_goes_where_the_model_is_loaded(gateway: GatewayProcess, fleet: Pair) -> None:
    """Whichever host that is: a second load changes nothing."""
    for host, other in (("y", "x"), ("x", "y")):
        for unload in fleet.queue.unload("b", host=other):
            unload.result(60)
        for load in fleet.queue.load("b", host=host):
            load.result(60)
        wait_until(lambda: _list_hosts_with_b(fleet) == [host])  # noqa: B023 - it is called at once

        loaded = gateway.http.post("/api/generate", json={"model": "b", "keep_alive": -1})

        assert fleet.queue.job(loaded.headers["X-Llamaq-Job"]).status().host == host


def _list_hosts_with_b(fleet: Pair) -> list[str]:
    return [one.host for one in fleet.queue.models() if one.model == "b:latest" and one.loaded]


def test_a_load_is_on_one_host_and_an_unload_on_each(gateway: GatewayProcess, fleet: Pair) -> None:
    """The jobs are named, and what is in memory follows with the next probe."""
    gateway.http.post("/api/generate", json={"model": "b", "keep_alive": 0}).raise_for_status()

    loaded = gateway.http.post("/api/generate", json={"model": "b", "keep_alive": -1})
    wait_until(lambda: "b:latest" in [model["name"] for model in gateway.http.get("/api/ps").json()["models"]])
    unloaded = gateway.http.post("/api/chat", json={"model": "b", "keep_alive": 0})
    wait_until(lambda: "b:latest" not in [model["name"] for model in gateway.http.get("/api/ps").json()["models"]])

    assert fleet.queue.job(loaded.headers["X-Llamaq-Job"]).status().host in fleet.hosts
    jobs = unloaded.headers["X-Llamaq-Job"].split(", ")
    assert {fleet.queue.job(job).status().host for job in jobs} == {"x", "y"}
