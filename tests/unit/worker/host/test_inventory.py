"""What a host has and can, out of Ollama's four answers."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from api_client import (
    BadRequest,
    GatewayError,
    InstalledModel,
    Listing,
    ModelCard,
    ModelNotFound,
    OllamaConnectionError,
    OllamaError,
    OllamaStatusError,
    RunningModel,
    ServerBusy,
    ServerFault,
    StreamCut,
    UnknownShape,
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
        self.told: str | OllamaError = version
        self.told_by_tags: dict[str, Any] = {}
        self.odd: list[Any] = []
        self.running: tuple[RunningModel, ...] | OllamaError = ()
        self.card: dict[str, Any] | OllamaError = CARD
        self.shown: list[str] = []

    def tags(self) -> Listing[InstalledModel]:
        entries = [{"name": name, "digest": f"sha-{name}", "size": 5, **self.told_by_tags} for name in self.names]
        return Listing.of(InstalledModel, [*entries, *self.odd])

    def ps(self) -> Listing[RunningModel]:
        if isinstance(self.running, OllamaError):
            raise self.running
        return Listing(self.running)

    def version(self) -> str:
        if isinstance(self.told, OllamaError):
            raise self.told
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


@pytest.mark.parametrize("error", [ServerBusy("busy", status=503), GatewayError("no host", status=502)])
def test_a_server_that_cannot_show_now_is_asked_again(error: OllamaError) -> None:
    """By the next probe: what a model can do would stay unknown for as long as it is there."""
    server = Server(["a:latest", "b:latest"])
    taken = inventory(server)
    server.card = error
    assert [model["capabilities"] for model in look(taken)] == [[], []]
    assert server.shown == ["a:latest"], "one failure tells of all"
    server.card = CARD

    assert [model["capabilities"] for model in look(taken)] == [["completion", "tools"]] * 2


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


def test_show_is_right_where_the_two_lists_disagree() -> None:
    """`/api/tags` overlooks what stands far behind in a model file: a job must not be refused by it."""
    server = Server()
    server.told_by_tags = {"capabilities": ["embedding"]}

    (model,) = look(inventory(server))

    assert model["capabilities"] == ["completion", "tools"]


def test_tags_is_enough_where_show_tells_nothing() -> None:
    """Of a server whose `/api/show` names no capabilities."""
    server = Server()
    server.told_by_tags, server.card = {"capabilities": ["completion"]}, {}

    assert look(inventory(server))[0]["capabilities"] == ["completion"]


@pytest.mark.parametrize("name", ["", " ", ":pull", "a b", "a\nb", "a\x00"])
def test_a_name_that_no_request_can_have_is_left_out(name: str) -> None:
    """Names are sent to Redis joined by blanks, and one that begins with a colon is the queue of a host job."""
    report = inventory(Server(["a:latest", name])).take()

    assert report.models == ["a:latest"]
    assert "cannot be used" in report.problem
    assert json.loads(report.status)["problem"] == report.problem


def test_a_name_that_is_listed_twice_is_one_model() -> None:
    """As koboldcpp lists its model, and as letter case does not count."""
    server = Server(["a:latest", "b:1b"])
    server.odd = [{"name": "a:latest", "digest": "sha-other"}, {"name": "A"}]

    report = inventory(server).take()

    assert [model["model"] for model in json.loads(report.status)["models"]] == ["a:latest", "b:1b"]
    assert report.own_names["a:latest"] == "a:latest"
    assert report.problem == ""


def test_what_is_odd_in_the_lists_is_left_out_and_told() -> None:
    """The first in words, and how many there are. A model is offered by its name, whatever else is odd."""
    server = Server()
    server.odd = [{"name": "odd", "size": "big"}, 5, {"name": ["x"]}]

    report = inventory(server).take()

    assert report.models == ["a:latest", "odd:latest"]
    assert "models.1.size of 'odd' is the text 'big'" in report.problem
    assert report.problem.endswith("(and 2 more)")
    assert inventory(Server()).take().problem == ""


def test_an_odd_card_is_told_until_its_model_is_gone() -> None:
    """The model is offered with what `/api/tags` tells."""
    server = Server()
    server.card = UnknownShape("template is a list", field="template")
    taken = inventory(server)

    for _ in range(2):
        report = taken.take()
        assert report.models == ["a:latest"]
        assert "/api/show of a:latest: template is a list" in report.problem
    server.names = []
    assert taken.take().problem == ""


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_path_that_a_server_lacks_is_no_reason_to_leave_it(status: int) -> None:
    """Of one that poses as Ollama, with the lists and the answers alone: what is in memory is not known there."""
    server = Server()
    server.running = server.told = OllamaStatusError("no such path", status=status)
    taken = inventory(server)

    taken.ping()
    report = taken.take()

    assert (report.models, report.loaded) == (["a:latest"], frozenset())
    assert "/api/ps is not there" in report.problem
    assert json.loads(report.status)["version"] == ""


@pytest.mark.parametrize("error", [ServerFault("it failed", status=500), StreamCut("it broke")])
def test_a_path_that_fails_is_an_error_of_its_host(error: OllamaError) -> None:
    """It may answer the next time: until then nothing is known of the host."""
    server = Server()
    server.running = error
    with pytest.raises(type(error)):
        inventory(server).take()
    server.running, server.told = (), error
    with pytest.raises(type(error)):
        inventory(server).take()


def test_a_version_of_another_type_is_unknown() -> None:
    """It is shown, and decides on little: that is no reason to give the host no jobs."""
    server = Server()
    server.told = UnknownShape("version is a number", field="version")
    assert json.loads(inventory(server).take().status)["version"] == ""


@pytest.mark.parametrize("version", ["", "9" * 90, "²³.1", "0." + "1" * 90])
def test_a_version_of_any_text_is_no_fault(version: str) -> None:
    """Of a build from source, or of another server."""
    look(inventory(Server(version=version)))
