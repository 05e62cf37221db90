"""A kind is declared once: all lists of kinds are one, and each text of a request is covered by a rule."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_type_hints

import pytest
from pydantic import BaseModel

import llamaq
from docs.schemas import HERE, RESULT_FILES
from llamaq import InvalidRequest, Limits
from llamaq.admission.limits import apply_control_policy, check_text
from llamaq.admission.texts import counted_texts
from llamaq.cli.commands import batch
from llamaq.store.scripts import files
from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.request import Request
from llamaq.vocabulary.kinds.result import Result
from llamaq.vocabulary.requests import DECLARATIONS, HOST_JOBS, KINDS, REQUEST_TYPES, AnyRequest, dump_json, parse
from llamaq.vocabulary.results import RESULT_TYPES, tag_of
from llamaq.vocabulary.text_rules import MODEL_TEXT, TextRule, rules_of, wire_name
from tasks.input_policy.policy import InputPolicy
from tasks.registry import TASKS, run
from tests.contract.built import CHECKOUT
from tests.contract.full_requests import REQUESTS
from tests.unit.tasks.ollama import Ollama, Said, claimed, context
from worker.app import app

Path = tuple[str | int, ...]
TOKEN = "<|im_start|>"
ESCAPED = "< |im_start|>"
FREE_TEXT = "none of the words that a choice knows"


class AnyAnswer(Ollama):
    """Answers every endpoint with one line that suits them all, and remembers which were called."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def _said(self, path: str, body: dict[str, Any]) -> Said:
        self.paths.append(path)
        self.asked.append(body)
        line = {"response": "{}", "message": {"content": "{}"}, "embeddings": [[1.0]], "done": True}
        return Said([{**line, "status": "success"}])

    def generate(self, body: dict[str, Any], **_: Any) -> Said:
        return self._said("/api/generate", body)

    def chat(self, body: dict[str, Any], **_: Any) -> Said:
        return self._said("/api/chat", body)

    def embed(self, body: dict[str, Any], **_: Any) -> Said:
        return self._said("/api/embed", body)

    def pull(self, model: str, **_: Any) -> Said:
        return self._said("/api/pull", {"model": model})


def _asked(request: AnyRequest) -> AnyAnswer:
    """What Ollama is asked for a request."""
    ollama = AnyAnswer()
    run(
        claimed(request.kind, dump_json(request)),
        context(ollama, policy=InputPolicy(allow_raw=True, pulls=lambda _: True)),
    )
    return ollama


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, name))


def _with(fields: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    changed = copy.deepcopy(fields)
    inner: Any = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = text
    return changed


def _rule_at(model: Any, path: Path) -> TextRule | None:
    """The rule that covers a string of a request, found without the code that applies it."""
    for part in path:
        if not isinstance(model, BaseModel):
            model = model[part]
            continue
        shape = type(model)
        name = next(name for name, field in shape.model_fields.items() if wire_name(name, field) == part)
        rule = rules_of(shape)[name]
        model = getattr(model, name)
        if rule is not None and not (isinstance(model, BaseModel | list) and _models_in(model) and not rule.as_json):
            return rule
    return None


def _models_in(value: Any) -> bool:
    return isinstance(value, BaseModel) or (isinstance(value, list) and any(map(_models_in, value)))


STRINGS = [
    pytest.param(kind, fields, path, id=f"{kind}-{number}-{'.'.join(map(str, path))}")
    for kind, examples in REQUESTS.items()
    for number, fields in enumerate(examples)
    for path, _ in _leaves(fields)
]


def test_the_lists_of_kinds_are_one() -> None:
    """Types, requests, declarations, tasks, Celery's tasks, schemas, host jobs of the scripts, public names."""
    kinds = list(DECLARATIONS)

    assert list(KINDS) == kinds
    assert list(REQUEST_TYPES) == kinds
    assert [declared.request for declared in DECLARATIONS.values()] == list(REQUEST_TYPES.values())
    assert list(TASKS) == kinds
    assert {name for name in app.tasks if name.removeprefix("llamaq.") in kinds} == {f"llamaq.{kind}" for kind in kinds}
    assert {path.stem for path in (HERE / "requests").glob("*.json")} == set(kinds)
    assert list(REQUESTS) == kinds
    hosts = re.search(r"^local HOST_JOBS = \{(.*)\}", files()["host_jobs"].read_text("utf-8"), re.MULTILINE)
    assert hosts
    assert re.findall(r"'(\w+)'", hosts[1]) == list(HOST_JOBS)
    shapes = {shape for declared in DECLARATIONS.values() for shape in (declared.request, *declared.results)}
    assert {shape.__name__ for shape in shapes} <= set(llamaq.__all__)


def test_the_shapes_of_results_are_those_of_the_kinds() -> None:
    """And each is told from the others by its own field."""
    declared = dict.fromkeys(shape for kind in DECLARATIONS.values() for shape in kind.results)

    assert set(declared) == set(RESULT_TYPES)
    assert len({tag_of(shape) for shape in RESULT_TYPES}) == len(RESULT_TYPES)
    assert {path.stem for path in (HERE / "results").glob("*.json")} == set(RESULT_FILES.values())


@pytest.mark.parametrize("kind", DECLARATIONS)
def test_the_command_line_takes_each_kind_in_a_batch(kind: str) -> None:
    """A line names its kind."""
    entry = batch._read_request(1, {"custom_id": "a", "kind": kind, "request": REQUESTS[kind][0]})

    assert entry.request["kind"] == kind


@pytest.mark.parametrize("kind", TASKS)
def test_a_task_takes_the_request_of_its_kind(kind: Any) -> None:
    """By its annotation: the registry hands it what was read as this kind."""
    assert get_type_hints(TASKS[kind])["request"] is DECLARATIONS[kind].request


@pytest.mark.parametrize("kind", DECLARATIONS)
def test_a_kind_asks_the_endpoints_that_it_declares(kind: str) -> None:
    """Each of them, and no other."""
    called = {
        path
        for fields in REQUESTS[kind]
        if "conversation" not in fields
        for path in _asked(parse({**fields, "kind": kind})).paths
    }

    assert called == {endpoint.path for endpoint in DECLARATIONS[kind].endpoints}


@pytest.mark.parametrize("kind", DECLARATIONS)
def test_the_full_requests_set_every_field(kind: str) -> None:
    """So that no string escapes the tests below."""
    fields = {wire_name(name, field) for name, field in REQUEST_TYPES[kind].model_fields.items()}

    assert {name for example in REQUESTS[kind] for name in example} | {"kind"} >= fields - (
        {"options", "keep_alive", "think", "repetition_guard"} if kind in HOST_JOBS else set()
    )


@pytest.mark.parametrize(("kind", "fields", "path"), STRINGS)
def test_every_string_of_a_request_has_a_rule_or_is_a_choice(kind: str, fields: dict[str, Any], path: Path) -> None:
    """A free text that no rule covers would pass the limit and the input policy unseen."""
    rule = _rule_at(parse({**fields, "kind": kind}), path)

    if rule is None:
        with pytest.raises(InvalidRequest):
            parse({**_with(fields, path, FREE_TEXT), "kind": kind})
    else:
        assert rule.reason or rule.counted, "it is told why it is no text, or it counts"


@pytest.mark.parametrize(("kind", "fields", "path"), STRINGS)
def test_every_string_of_a_request_is_treated_by_its_rule(kind: str, fields: dict[str, Any], path: Path) -> None:
    """It counts towards the limit, is looked through for control characters and is escaped, as the rule says."""
    request = parse({**fields, "kind": kind})
    rule = _rule_at(request, path)
    if rule is None or rule.reason or fields.get("format") == "json":
        return

    limits = Limits(sum(len(text) for _, text in counted_texts(request)) + 200)
    _refused(check_text, parse({**_with(fields, path, "x" * 400), "kind": kind}), limits, when=rule.counted)
    _refused(apply_control_policy, parse({**_with(fields, path, "a\0b"), "kind": kind}), Limits(), when=rule.filtered)
    asked = json.dumps(_asked(parse({**_with(fields, path, TOKEN), "kind": kind})).asked)
    if rule.escaped:
        assert TOKEN not in asked
        assert ESCAPED in asked or path[-1] == "thinking", "it is sent, but for what was thought"
    else:
        assert ESCAPED not in asked


def _refused(check: Any, request: Any, limits: Limits, *, when: bool) -> None:
    if not when:
        check(request, limits)
        return
    with pytest.raises(InvalidRequest):
        check(request, limits)


class Forgotten(Request):
    """A kind whose author forgot the rule of a text."""

    kind: Literal["forgotten"] = "forgotten"
    query: str


class Nested(Request):
    """The same, in a model within the request."""

    class Document(BaseModel):
        text: str

    kind: Literal["nested"] = "nested"
    documents: list[Document]


class Doubtful(Request):
    """A kind with two rules for one text."""

    kind: Literal["doubtful"] = "doubtful"
    query: Annotated[str, MODEL_TEXT, TextRule(reason="an identifier")]


class Covered(Request):
    """A kind with a rule for its text."""

    kind: Literal["covered"] = "covered"
    query: Annotated[str, MODEL_TEXT]


@pytest.mark.parametrize("request_type", [Forgotten, Nested, Doubtful])
def test_a_kind_with_a_forgotten_text_cannot_be_declared(request_type: type[Request]) -> None:
    """Not even imported: the field is named."""
    with pytest.raises(TypeError, match=r"(query|text) has"):
        Declaration(request_type, (Result,), (Endpoint.GENERATE,), "a test")
    assert Declaration(Covered, (Result,), (Endpoint.GENERATE,), "a test").kind == "covered"


def test_what_no_rule_knows_is_escaped() -> None:
    """A field of the body that is no field of the request: the input policy escapes it all the same."""
    request = parse({"kind": "generate", "model": "m", "prompt": "x"})

    assert InputPolicy().escape_body(request, {"model": "m", "query": TOKEN})["query"] == ESCAPED


def test_each_kind_has_a_file_of_its_own() -> None:
    """In the vocabulary for what it is, in the tasks for what it does."""
    for kind in KINDS:
        assert (CHECKOUT / "llamaq" / "vocabulary" / "kinds" / f"{kind}.py").is_file()
        assert (CHECKOUT / "tasks" / f"{kind}.py").is_file()
    assert len(get_args(AnyRequest)) == len(KINDS)
