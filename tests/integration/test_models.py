"""queue.models(): what the fleet offers, as its hosts have it now."""

import asyncio
import json

import pytest
import requests

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import MODELS, ScriptedModel
from llamaq import AsyncJobQueue, JobQueue, ModelStatus, UnknownModel
from tests.conftest import MODEL
from tests.service import Service, fresh_name, wait_until
from tests.worker_process import WorkerProcess


def offered(service: Service, name: str) -> ModelStatus:
    """One model as the fleet has it now."""
    return next(model for model in service.queue.models() if model.model == name)


def test_every_model_of_the_host_is_listed(service: Service) -> None:
    """Name, host, abilities, size, context and slots, from `/api/tags`; the server's version too."""
    listed = {model.model: model for model in service.queue.models()}

    assert {model.name for model in MODELS} <= set(listed)
    assert listed["smollm2-tools:135m"].capabilities == ("completion", "tools")
    one = listed[MODEL]
    assert (one.slots, one.version, one.context_length is not None) == (2, "0.32.15", True)
    assert one.size
    assert one.seen_at is not None
    assert len({model.host for model in listed.values()}) == 1


def test_a_model_is_shown_as_its_host_tells_it(service: Service) -> None:
    """With all that `/api/show` has; and the entries of its lists, word by word. An unknown model has none."""
    card = service.queue.show("SmolLM2-Tools:135m")

    assert card is not None
    assert (card["capabilities"], card["template"]) == (["completion", "tools"], "{{ .Prompt }}")
    with pytest.raises(UnknownModel):
        service.queue.show("nope")
    told = requests.get(f"{service.ollama.url}/api/tags", timeout=30).json()["models"]
    assert {model.model: model.listed for model in service.queue.models()} == {entry["name"]: entry for entry in told}


def test_a_model_is_shown_as_loaded_while_it_is(service: Service) -> None:
    """Unloaded at first, loaded once it has run, with the time at which it will leave; and unloaded again."""
    name = f"{fresh_name()}:latest"
    service.ollama.set_model(ScriptedModel(name))
    wait_until(lambda: any(model.model == name for model in service.queue.models()))
    assert (offered(service, name).loaded, offered(service, name).expires_at) == (False, None)

    service.queue.generate(name, "Why?", keep_alive="1h").result(30)

    wait_until(lambda: offered(service, name).loaded)
    assert offered(service, name).expires_at is not None
    service.queue.generate(name, "Why?", keep_alive=0).result(30)
    wait_until(lambda: not offered(service, name).loaded)


def test_slots_in_use_are_counted_as_they_are(service: Service) -> None:
    """While a job runs its model has a slot in use; afterwards none."""
    gate = service.hold()
    job = service.queue.generate(MODEL, "Why?")
    service.wait_held(gate)

    assert offered(service, MODEL).slots_used == 1
    assert offered(service, "smollm2-b:135m").slots_used == 0
    service.ollama.release(gate)
    job.result(30)

    assert offered(service, MODEL).slots_used == 0


def test_a_new_model_can_be_waited_for(service: Service) -> None:
    """With `wait_for_model` a job for a model that nobody has yet waits until a host gets it."""
    name = f"{fresh_name()}:latest"
    job = service.queue.generate(name, "Why?", wait_for_model=True)
    assert job.status().state == "queued"

    service.ollama.set_model(ScriptedModel(name))

    assert job.result(30).model == name


def test_the_async_client_sees_the_same(service: Service) -> None:
    """The two clients read one report."""

    async def models() -> list[ModelStatus]:
        async with AsyncJobQueue(service.url, prefix=service.prefix) as queue:
            return await queue.models()

    names = {(model.model, model.host) for model in service.queue.models()}
    assert {(model.model, model.host) for model in asyncio.run(models())} == names


def test_qyrounnet_summarizer_the_exact_name_of_the_host_is_sent(redis_server: EmbeddedRedis, prefix: str) -> None:
    """Whatever letter case, registry and namespace a request has: the host's disk may know one spelling alone."""
    exact, plain = "QyrouNnet/Summarizer:Q4_K_M", "Plain:latest"
    with (
        ScriptedOllama.start(models=[ScriptedModel(exact), ScriptedModel(plain)]) as ollama,
        JobQueue(redis_server.url, prefix=prefix) as queue,
        WorkerProcess(redis_server.url, ollama.url, prefix=prefix, pull_allowed="*") as worker,
    ):
        worker.start().ready(queue)
        ollama.script(path="/api/pull", status=200, body='{"status": "success"}\n')
        spellings = [exact.lower(), exact, f"registry.ollama.ai/{exact}", "plain", "library/PLAIN", plain]
        for spelling in [*spellings, "https://registry.ollama.ai/library/plain:latest"]:
            assert queue.generate(spelling, "x").result(30).text
        (unloading,) = queue.unload(exact.lower())
        assert unloading.result(30).unloaded == exact.lower()
        assert queue.pull(exact.lower()).result(30).pulled == exact.lower()

        requests = [entry for entry in ollama.stats()["requests"] if entry["path"] in ("/api/generate", "/api/pull")]
        asked = [json.loads(entry["body"])["model"] for entry in requests]

    assert asked == [exact] * 3 + [plain] * 4 + [exact] * 2
