"""What a host has and can, out of Ollama's four answers."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from api_client import (
    BadRequest,
    InstalledModel,
    ModelCard,
    ModelNotFound,
    OllamaConnectionError,
    OllamaError,
    RunningModel,
)
from worker.host.inventory import CARDS_AT_A_TIME, Inventory

CARD = {
    "details": {"quantization_level": "Q4_K_M", "family": "llama", "parameter_size": "3B"},
    "model_info": {"general.architecture": "llama", "llama.context_length": 4096},
    "capabilities": ["completion", "tools"],
}


class Server:
    """Plays an Ollama client."""

    def __init__(self, names: Sequence[str] = ("a:latest",), version: str = "0.32.15") -> None:
        self.names = list(names)
        self.told = version
        self.running: tuple[RunningModel, ...] = ()
        self.card: dict[str, Any] | OllamaError = CARD
        self.shown: list[str] = []
        self.capabilities: frozenset[str] | None = None

    def tags(self) -> tuple[InstalledModel, ...]:
        of_all = {"size": 5, "capabilities": self.capabilities}
        return tuple(
            InstalledModel.model_validate({"name": name, "digest": f"sha-{name}", **of_all}) for name in self.names
        )

    def ps(self) -> tuple[RunningModel, ...]:
        return self.running

    def version(self) -> str:
        return self.told

    def show(self, model: str) -> ModelCard:
        self.shown.append(model)
        if isinstance(self.card, OllamaError):
            raise self.card
        return ModelCard.model_validate(self.card)


def look(inventory: Inventory) -> list[dict[str, Any]]:
    """The models of the status."""
    models: list[dict[str, Any]] = json.loads(inventory.take().status)["models"]
    return models


def inventory(server: Server) -> Inventory:
    """Of that server."""
    return Inventory(server)  # type: ignore[arg-type]  # it answers what is asked


def test_show_fills_in_what_tags_does_not_tell() -> None:
    """Older servers list no capabilities: they are asked for once per digest, and again after a pull."""
    server = Server()
    taken = inventory(server)

    (model,) = look(taken)
    look(taken)

    assert (model["quantization"], model["context_length"], model["capabilities"]) == (
        "Q4_K_M",
        4096,
        ["completion", "tools"],
    )
    assert server.shown == ["a:latest"]
    server.names = []
    look(taken)
    server.names = ["a:latest"]
    look(taken)
    assert server.shown == ["a:latest"] * 2


def test_what_either_answer_lists_the_model_can_do() -> None:
    """`/api/tags` and `/api/show` may disagree: only what neither lists is refused."""
    server = Server()
    server.capabilities = frozenset({"embedding"})

    (model,) = look(inventory(server))

    assert model["capabilities"] == ["completion", "embedding", "tools"]


def test_memory_and_the_part_of_it_on_a_gpu() -> None:
    """A model that is loaded has its runner's context; a share of 0 is a CPU, of 1 all on the GPU."""
    server = Server()
    server.running = (
        RunningModel(name="a:latest", digest="sha-a:latest", size=400, size_vram=100, context_length=512),
    )

    (model,) = look(inventory(server))

    assert (model["loaded"], model["memory"], model["vram"], model["gpu_share"]) == (True, 400, 100, 0.25)
    assert model["context_length"] == 512


def test_a_host_with_many_models_is_reported_at_once() -> None:
    """The rest is asked in the next looks."""
    server = Server([f"m{number}" for number in range(CARDS_AT_A_TIME + 5)])
    taken = inventory(server)

    assert not taken.take().whole
    assert len(server.shown) == CARDS_AT_A_TIME
    assert taken.take().whole
    assert len(server.shown) == CARDS_AT_A_TIME + 5


def test_a_server_that_does_not_show_is_taken_as_it_is() -> None:
    """A proxy that refuses the path, or a model deleted meanwhile: capabilities stay unknown, which refuses nothing."""
    server = Server()
    taken = inventory(server)
    server.card = ModelNotFound("gone")
    assert look(taken)[0]["capabilities"] == []
    server.card = BadRequest("no such path", status=403)
    look(taken)
    look(taken)

    assert len(server.shown) == 2, "a model that was gone is asked for again, a refusal is not repeated"


def test_a_host_that_falls_silent_is_no_host_with_unknown_models() -> None:
    """A connection that breaks is the host's failure, at whatever question."""
    server = Server()
    server.card = OllamaConnectionError("gone")

    with pytest.raises(OllamaConnectionError):
        inventory(server).take()


@pytest.mark.parametrize(
    ("version", "serves"), [("0.12.11", True), ("0.30.0", False), ("0.32.15", False), ("dev", False)]
)
def test_older_servers_embed_with_any_model(version: str, serves: bool) -> None:
    """They do not list it: a job that embeds must not be refused there."""
    (model,) = look(inventory(Server(version=version)))

    assert ("embedding" in model.get("serves", ())) is serves
    assert "embedding" not in model["capabilities"]
