"""Each setting is declared once: pages, deployments and code agree with the declarations."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.settings import GatewayVariables
from llamaq.settings.declaration import default, describe_values, variable_name
from llamaq.settings.producer import ProducerVariables
from ops.flower.settings import FlowerSettings
from tests.contract.built import CHECKOUT
from worker.settings.environment import Settings

MODELS: tuple[type[BaseModel], ...] = (Settings, GatewayVariables, FlowerSettings)
DECLARED = {variable_name(name): model for model in MODELS for name in model.model_fields}
NOT_SETTINGS = {
    "LLAMAQ_DOOR_ADDRESS": "docker compose: where nginx listens",
    "LLAMAQ_DOOR_PORT": "docker compose: where nginx listens",
    "LLAMAQ_DOOR_HTTP_PORT": "docker compose: where nginx listens for the gateway",
    "LLAMAQ_REDIS_ADDRESS": "docker compose: where Redis listens, with ops/redis/published.yml",
    "LLAMAQ_REDIS_PORT": "docker compose: where Redis listens, with ops/redis/published.yml",
    "LLAMAQ_WORKER_MEMORY": "docker compose: the limit of a worker's container",
    "LLAMAQ_GATEWAY_MEMORY": "docker compose: the limit of the gateway's container",
    "LLAMAQ_MODEL": "docker compose: the model that is pulled at the start",
    "LLAMAQ_TEST_OUTAGES": "the tests: seconds of an outage",
}
PROGRAMS = ("llamaq", "tasks", "worker", "gateway", "ops", "demo")
_ARITHMETIC = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
DEPLOYMENTS = ("docker-compose.yml", "ops/kubernetes/*.yaml", "ops/systemd/*.service", ".env.example")


@pytest.mark.parametrize("name", DECLARED)
def test_each_setting_has_a_text_values_and_a_default(name: str) -> None:
    """A number has two bounds; whatever else says which texts it takes."""
    field = DECLARED[name].model_fields[name.removeprefix("LLAMAQ_").lower()]

    assert field.description
    assert describe_values(field)
    assert not field.is_required()


def test_the_readme_links_the_page_and_repeats_no_row_of_it() -> None:
    """A table of its own would have to be kept equal by hand."""
    readme = (CHECKOUT / "README.md").read_text("utf-8")

    assert "(docs/settings.md)" in readme
    assert re.findall(r"^\| `LLAMAQ_", readme, re.MULTILINE) == []


def test_a_page_names_no_variable_that_does_not_exist() -> None:
    """What is not declared is a variable of docker compose or of the tests, and listed here."""
    pages = [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md"), *CHECKOUT.glob("ops/**/*.md")]
    named = {word for path in pages for word in re.findall(r"LLAMAQ_[A-Z_]*[A-Z]", path.read_text("utf-8"))}

    assert named - set(DECLARED) <= set(NOT_SETTINGS)


def _deployed() -> Iterator[tuple[str, str, str]]:
    for pattern in DEPLOYMENTS:
        for path in CHECKOUT.glob(pattern):
            for line in path.read_text("utf-8").splitlines():
                if found := re.fullmatch(r"(?:Environment=| *)(LLAMAQ_\w+)(?:=|: +)(.+)", line):
                    yield str(path.relative_to(CHECKOUT)), found[1], found[2].strip('"')


DEPLOYED = list(_deployed())


@pytest.mark.parametrize(("path", "name", "value"), DEPLOYED, ids=[f"{path}-{name}" for path, name, _ in DEPLOYED])
def test_a_deployment_sets_what_is_declared_to_what_is_accepted(path: str, name: str, value: str) -> None:
    """Compose, Kubernetes and systemd. `${NAME:-default}` stands for its default; a secret's file is not here."""
    if name in NOT_SETTINGS or name.endswith("_FILE"):
        assert name in DECLARED or path in ("docker-compose.yml", ".env.example")
        return
    given = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value).replace("%i", "0")

    DECLARED[name].model_validate({name.removeprefix("LLAMAQ_").lower(): given})


def _literals(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names with what is assigned to them, or is the default of an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            positional = node.posonlyargs + node.args
            yield from zip((one.arg for one in reversed(positional)), reversed(node.defaults), strict=False)
            for one, given in zip(node.kwonlyargs, node.kw_defaults, strict=True):
                if given is not None:
                    yield one.arg, given
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value
        elif isinstance(node, ast.Assign):
            yield from ((one.id, node.value) for one in node.targets if isinstance(one, ast.Name))


def _number_or_text(expression: ast.expr) -> Any:
    if not all(isinstance(node, _ARITHMETIC) for node in ast.walk(expression)):
        return None
    return eval(compile(ast.Expression(expression), "default", "eval"))


def test_no_default_is_written_twice() -> None:
    """A literal that equals the declared default stands beside the declared name nowhere in the programs."""
    declared = {name: default(model, name) for model in MODELS for name in model.model_fields}
    declared |= {name.removeprefix("max_"): declared[name] for name in ProducerVariables.model_fields}
    declared |= {f"default_{name}": value for name, value in declared.items()}
    repeated = [
        f"{path.relative_to(CHECKOUT)}: {name} = {value!r}"
        for program in PROGRAMS
        for path in Path(CHECKOUT / program).rglob("*.py")
        for name, expression in _literals(ast.parse(path.read_text("utf-8")))
        if (value := _number_or_text(expression)) not in (None, "", False)
        and value == declared.get(name.lower().strip("_"))
        and type(value) is not bool
    ]

    assert repeated == []
