"""The page of settings and the list of their names, from the declarations: `python3 run.py generate` writes both."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings import GatewayVariables
from llamaq.settings.declaration import declared_text, describe_values, variable_name
from llamaq.settings.process import ProcessVariables
from llamaq.settings.producer import ProducerVariables
from ops.flower.settings import FlowerSettings
from worker.settings.environment import Settings

PAGE = Path(__file__).with_name("settings.md")
_CHECKOUT = PAGE.parents[1]
KNOWN_VARIABLES = _CHECKOUT / "llamaq/settings/known_variables.py"
_COMPOSE = ("docker-compose.yml", "ops/redis/published.yml")
_INTRODUCTION = """\
# Settings

Every setting is a variable of the environment; an empty one counts as not set. This page is made from the declarations
in `llamaq/settings/`, `worker/settings/environment.py`, `gateway/settings.py` and `ops/flower/settings.py`.

A value out of its bounds is refused with the variable's name: by the worker and the gateway at their start, and by
`JobQueue.from_env()` and the command line with `InvalidRequest`.

A variable that begins with `LLAMAQ_` and that no program of llamaq reads is named, with those that it resembles: once
by a `UserWarning` of `JobQueue.from_env()`, on stderr by the command line, in the log of a worker and of the gateway,
and by `python3 run.py worker check`. Those that Kubernetes sets for a service `llamaq-...` are not named.

A variable marked "secret" is not shown in errors, logs or Celery's `inspect conf`.
"""
_MODULE = '''\
# Generated from the declarations by `python3 run.py generate`.
"""The variables that any program of llamaq, or Docker Compose, reads: the SDK has no other program's declarations."""

KNOWN_VARIABLES = frozenset(
    {{
{rows}    }}
)
'''
_HEAD = "\n## {title}\n\n{text}\n\n| variable | default | values | meaning |\n|---|---|---|---|\n"
_SECTIONS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    (
        "Producers and workers",
        "Read by the SDK (`JobQueue.from_env()`), the command line, workers and the gateway.",
        ProducerVariables,
    ),
    ("Workers and the gateway", "Read by each process that serves.", ProcessVariables),
    ("Gateway", "Read by the [HTTP front](http.md) alone.", GatewayVariables),
    ("Workers", "Read by workers alone.", Settings),
    ("Flower", "Read by Flower's configuration, beside the worker's settings.", FlowerSettings),
)


def render_page() -> str:
    """Render the whole page, as Markdown."""
    shown: set[str] = set()
    sections = []
    for title, text, model in _SECTIONS:
        own = {name: field for name, field in model.model_fields.items() if name not in shown}
        shown |= set(own)
        sections.append(_HEAD.format(title=title, text=text) + _render_rows(own))
    return _INTRODUCTION + "".join(sections)


def known_variables() -> str:
    """The module that lists the names of all settings, and of what the files of Docker Compose read."""
    declared = {variable_name(name) for _, _, model in _SECTIONS for name in model.model_fields}
    compose = {
        name for file in _COMPOSE for name in re.findall(r"\$\{(LLAMAQ_\w+)", (_CHECKOUT / file).read_text("utf-8"))
    }
    rows = "".join(f'        "{name}",\n' for name in sorted(declared | compose))
    return _MODULE.format(rows=rows)


def _render_rows(fields: Mapping[str, FieldInfo]) -> str:
    return "".join(
        f"| `{variable_name(name)}` | {_render_default(field)} | {_render_values(field)} "
        f"| {field.description}{_render_mark(field)} |\n"
        for name, field in fields.items()
    )


def _render_default(field: FieldInfo) -> str:
    own = declared_text(field, "shown") or ("" if field.default in (None, "") else f"`{field.default}`")
    ollamas = declared_text(field, "ollama")
    return f"`{ollamas}`, else {own}" if ollamas else own


def _render_values(field: FieldInfo) -> str:
    # Long numbers in groups of three, but no ports.
    return re.sub(r"(?<![:\d])\d{5,}", lambda number: f"{int(number[0]):,}", describe_values(field))


def _render_mark(field: FieldInfo) -> str:
    return "" if field.repr else " (secret)"
