"""A misspelt setting is named by whoever reads settings, with what it may have been meant for."""

import asyncio
import json
import os
import socket
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from docs import settings as page
from gateway.settings import GatewayVariables
from llamaq import AsyncJobQueue, JobQueue
from llamaq.settings import environment
from llamaq.settings.declaration import variable_name
from llamaq.settings.producer import ProducerVariables
from llamaq.settings.unknown_variables import find_unknown, remarks
from ops.flower.settings import FlowerSettings
from tests.commands import run
from worker.settings.environment import Settings

CHECKOUT = Path(__file__).parents[3]
IN_A_POD = {
    "LLAMAQ_GATEWAY_SERVICE_HOST": "10.0.0.1",
    "LLAMAQ_GATEWAY_SERVICE_PORT": "80",
    "LLAMAQ_GATEWAY_SERVICE_PORT_HTTP": "80",
    "LLAMAQ_GATEWAY_PORT": "tcp://10.0.0.1:80",
    "LLAMAQ_REDIS_PORT_6379_TCP": "tcp://10.0.0.2:6379",
    "LLAMAQ_REDIS_PORT_6379_TCP_ADDR": "10.0.0.2",
    "LLAMAQ_EXPORTER_PORT": "tcp://10.0.0.3:9100",
}


@pytest.fixture(autouse=True)
def _nothing_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_warned", set())


@pytest.mark.parametrize("model", [ProducerVariables, Settings, GatewayVariables, FlowerSettings])
def test_the_settings_of_each_program_are_known_to_all(model: type[BaseModel]) -> None:
    """An application may share its environment with a worker, the gateway or Flower."""
    assert find_unknown({variable_name(name): "1" for name in model.model_fields}) == {}


def test_what_docker_compose_reads_is_known() -> None:
    """Whoever sources `.env` has these too."""
    lines = (CHECKOUT / ".env.example").read_text("utf-8").splitlines()
    names = [line.lstrip("# ").partition("=")[0] for line in lines if "LLAMAQ_" in line and "=" in line]
    assert len(names) > 5
    assert find_unknown(dict.fromkeys(names, "1")) == {}


def test_what_kubernetes_sets_for_a_service_is_no_mistake() -> None:
    """Every pod beside a service `llamaq-gateway` has these, and nobody wrote them."""
    assert find_unknown(IN_A_POD) == {}
    assert find_unknown({"LLAMAQ_EXPORTER_PORT": "9100"}) != {}


def test_the_list_is_fresh() -> None:
    """A new setting is in it with the next `run.py generate`."""
    assert page.KNOWN_VARIABLES.read_text("utf-8") == page.known_variables()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("LLAMAQ_SLOT", ["LLAMAQ_SLOTS"]),
        ("LLAMAQ_MAXQUEUED", ["LLAMAQ_MAX_QUEUED"]),
        ("LLAMAQ_GATEWAY_PROT", ["LLAMAQ_GATEWAY_PORT"]),
        ("LLAMAQ_REDISURL", ["LLAMAQ_REDIS_URL"]),
        ("LLAMAQ_QUARK", []),
        ("llamaq_slot", ["LLAMAQ_SLOTS"]),
        ("llamaq_slots", ["LLAMAQ_SLOTS"]),
    ],
)
def test_a_misspelt_one_is_named_with_those_that_it_resembles(name: str, near: list[str]) -> None:
    """Variables of others are none of ours."""
    found = find_unknown({name: "1", "LLAMA_SLOTS": "1", "OLLAMA_HOST": "x"})
    assert [*found] == [name]
    assert found[name][: len(near) or None] == near


@pytest.mark.parametrize("queue", [JobQueue, AsyncJobQueue])
@pytest.mark.parametrize("given", [True, False])
def test_a_producer_warns_once(
    queue: type[JobQueue | AsyncJobQueue], given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the line that reads the environment, also where the mapping is the caller's; no value is shown."""
    for name in [name for name in os.environ if name.startswith("LLAMAQ_")]:
        monkeypatch.delenv(name)
    wrong = {"LLAMAQ_REDISURL": "redis://:secret@h"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    environ: Mapping[str, str] | None = wrong if given else None

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            made = queue.from_env(environ)
            asyncio.run(made.aclose()) if isinstance(made, AsyncJobQueue) else made.close()

    assert [str(one.message) for one in told] == ["LLAMAQ_REDISURL is no setting; did you mean LLAMAQ_REDIS_URL?"]
    assert told[0].category is UserWarning
    assert told[0].filename == __file__


def test_the_command_line_says_it_on_stderr() -> None:
    """In a line of its own, without Python's source line; the output stays clean."""
    environ = {
        **os.environ,
        "LLAMAQ_REDIS_URL": "redis://127.0.0.1:1/0",
        "LLAMAQ_PREFX": "x",
        "LLAMAQ_CALL_SECONDS": "0.1",
    }
    done = run([sys.executable, "-m", "llamaq", "models"], cwd=CHECKOUT, env=environ)
    assert "LLAMAQ_PREFX is no setting; did you mean LLAMAQ_PREFIX?\n" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("program", [["worker"], ["worker", "exporter"], ["gateway"]], ids=" ".join)
def test_a_process_that_serves_logs_it(program: list[str]) -> None:
    """At its start; here it ends at once, since its port is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {**os.environ, "LLAMAQ_METRICS_PORT": str(taken.getsockname()[1]), "LLAMAQ_SLOT": "2"}
        done = run([sys.executable, "-m", *program], cwd=CHECKOUT, env={**environ, "LLAMAQ_GATEWAY_PORT": "0"})
    assert done.returncode != 0
    told = [json.loads(line) for line in done.stderr.splitlines() if "LLAMAQ_SLOTS" in line]
    assert [(one["level"], one["event"]) for one in told] == [
        ("warning", "LLAMAQ_SLOT is no setting; did you mean LLAMAQ_SLOTS?")
    ]


def test_where_nothing_resembles_it_the_list_is_named() -> None:
    """It may be of a newer release, or of nobody."""
    assert remarks({"LLAMAQ_QUARK": "1"}) == ["LLAMAQ_QUARK is no setting; docs/settings.md lists them"]
