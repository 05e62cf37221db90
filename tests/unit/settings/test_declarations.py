"""A value out of a setting's bounds is refused by each program that reads it, with the variable's name."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from llamaq import InvalidRequest, Limits
from llamaq.settings import declaration
from llamaq.settings.declaration import variable_name
from llamaq.settings.environment import read
from llamaq.settings.producer import ProducerVariables
from llamaq.settings.producer import Settings as ProducerSettings
from ops.flower.settings import FlowerSettings
from worker.settings.environment import Settings, load_settings

BAD_TEXTS = {
    "filter_pattern": "(",
    "host": "x:slots",
    "ollama_ca_file": "/nonexistent",
    "ollama_token": "\N{SNOWMAN}",
    "ollama_token_file": "/nonexistent",
    "ollama_url": "ftp://x",
    "prefix": "a b",
    "pull_allowed": "qwen3 llama3.2",
    "redis_password_file": "/nonexistent",
    "redis_url": "http://x",
    "tenant_weights": "acme",
    "webhook_secret": "whsec_",
    "webhook_secret_file": "/nonexistent",
}
# The worker looks at its start whether the file and the address are usable.
ANY_TEXT = {"liveness_file", "metrics_host"}
ANY_TEXT |= set(FlowerSettings.model_fields)


def _wrong(name: str, field: FieldInfo) -> Iterator[str]:
    if name in BAD_TEXTS:
        yield BAD_TEXTS[name]
        return
    kinds = (field.annotation, *get_args(field.annotation))
    yield "neither a number nor a choice"
    if any(get_origin(kind) is Literal for kind in kinds):
        return
    bounds = {type(bound): bound for bound in field.metadata}
    yield from (str(bounds[Gt].gt) if Gt in bounds else str(bounds[Ge].ge - 1), str(bounds[Le].le + 1))
    yield from ("nan", "inf", "3600.5") if int in kinds else ("nan", "inf", "-inf")
    yield "0_1"


WRONG = [
    (name, text)
    for name, field in Settings.model_fields.items()
    if name not in ANY_TEXT
    for text in _wrong(name, field)
]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_name(name), raising=False)


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_a_worker_refuses_it(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And names no other variable."""
    monkeypatch.setenv(variable_name(name), text)

    with pytest.raises(ValidationError) as refused:
        load_settings.__wrapped__()

    assert [problem["loc"] for problem in refused.value.errors()] == [(variable_name(name),)]


@pytest.mark.parametrize(("name", "text"), [row for row in WRONG if row[0] in ProducerVariables.model_fields])
def test_a_producer_refuses_it(name: str, text: str) -> None:
    """With the same message as a worker has."""
    with pytest.raises(InvalidRequest) as refused:
        read({variable_name(name): text})

    assert [problem.field for problem in refused.value.problems] == [variable_name(name)]


@pytest.mark.parametrize(
    ("of", "given", "name"),
    [
        (ProducerSettings, {"result_ttl": 3600.5}, "result_ttl"),
        (ProducerSettings, {"result_ttl": 10**10}, "result_ttl"),
        (ProducerSettings, {"conversation_ttl": "60"}, "conversation_ttl"),
        (ProducerSettings, {"max_attempts": 0}, "max_attempts"),
        (ProducerSettings, {"max_queued": True}, "max_queued"),
        (Limits, {"prompt_chars": 0}, "prompt_chars"),
        (Limits, {"image_bytes": 2**29 + 1}, "image_bytes"),
        (Limits, {"control_characters": "keep"}, "control_characters"),
    ],
)
def test_a_program_that_sets_it_by_hand_is_refused_too(of: Any, given: dict[str, Any], name: str) -> None:
    """With the name of the attribute: the scripts in Redis need whole numbers, and EXPIRE an upper bound."""
    with pytest.raises(InvalidRequest, match=f"^{name}: must be "):
        of(**given)


def test_each_wrong_variable_is_named_at_once() -> None:
    """One start of the program is enough to see all of them."""
    with pytest.raises(InvalidRequest) as refused:
        read({"LLAMAQ_MAX_QUEUED": "x", "LLAMAQ_RESULT_TTL": "3600.5", "LLAMAQ_PREFIX": "a b"})

    assert {problem.field for problem in refused.value.problems} == {
        "LLAMAQ_MAX_QUEUED",
        "LLAMAQ_RESULT_TTL",
        "LLAMAQ_PREFIX",
    }


@pytest.mark.parametrize("name", [name for name, field in Settings.model_fields.items() if not field.repr])
def test_no_error_quotes_a_secret(name: str) -> None:
    """Neither a validator's message nor that of a wrong type."""
    for wrong in ("ftp://u:planted@x \N{SNOWMAN}", ["planted"]):
        with pytest.raises(ValidationError) as refused:
            Settings.model_validate({name: wrong})

        (problem,) = declaration.translate_error(Settings, refused.value)
        assert problem.field == name
        assert "planted" not in problem.message
