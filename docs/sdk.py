"""The reference of the SDK, rendered from its docstrings: `python3 run.py generate` writes it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import griffe

from llamaq.client.batches import IN_FLIGHT

PAGE = Path(__file__).with_name("sdk.md")
CHECKOUT = PAGE.parents[1]
_INTRODUCTION = """\
# Reference of the SDK

Made from the docstrings of the package `llamaq`. What is here comes from `from llamaq import ...`.

**asyncio.** `AsyncJobQueue`, `AsyncJob` and `AsyncConversation` have the same verbs, with the same arguments, results
and errors. What waits for Redis is awaited, what yields is read by `async for`, and `close()` is `aclose()`:

```python
async with AsyncJobQueue("redis://127.0.0.1:6379/0") as queue:
    job = await queue.generate("llama3.2", "Why?")
    async for text in job.text():
        print(text, end="")
    result = await job.result(timeout=60)
```

[async.md](async.md) has more of it, and [errors.md](errors.md) what to do about each error.

One queue object serves a whole process: any number of threads, or of event loops, each of which closes its own part.
All readers share one subscription connection. A blocking queue that is used inside an event loop warns once.

It may be made, and used, before a fork: with gunicorn's `--preload`, or in the module of Celery's tasks. With gevent,
call `monkey.patch_all()` before `llamaq` is imported. With `--preload`, gunicorn's `-k gevent` does so too late, and
requests hang: do it in `gunicorn.conf.py`.

**Time.** Every verb ends within `LLAMAQ_CALL_SECONDS` (15 s), whatever Redis does. Only readers without a timeout go on
for longer; they outlast an outage of two minutes.
"""
_CLASSES = (
    ("The queue", "llamaq.client.blocking.queue.JobQueue"),
    ("A job", "llamaq.client.blocking.job.Job"),
    ("A conversation", "llamaq.client.blocking.conversation.Conversation"),
)
_MODELS = (
    (
        "Results",
        "llamaq.vocabulary.kinds",
        (
            "Result",
            "Usage",
            "Timings",
            "TextResult",
            "ChatResult",
            "ReplyMessage",
            "ExtractionResult",
            "EmbeddingResult",
        ),
    ),
    ("Errors of jobs", "llamaq.vocabulary.results", ("ErrorInfo",)),
    ("Status", "llamaq.vocabulary.status", ("JobStatus", "QueueStatus", "SubmittedRequest")),
    ("Lists of jobs", "llamaq.client.job_lists", ("JobPage",)),
    ("Why a job waits", "llamaq.vocabulary.wait_reason", ()),
    ("Minutes", "llamaq.client.fleet_history", ("Minute",)),
    ("Events", "llamaq.vocabulary.events", ()),
    ("Batches", "llamaq.client.batches", ("BatchResult",)),
    ("Dead letters", "llamaq.client.dead_letters", ("DeadLetter",)),
    (
        "Kept conversations",
        "llamaq.vocabulary.conversations",
        ("KeptMessage", "ConversationSettings", "ConversationInfo"),
    ),
    ("Hosts, models and workers", "llamaq.vocabulary.models", ("HostStatus", "ModelStatus", "WorkerStatus")),
)


_ALIASES = (
    "vocabulary.kinds.request.Lane",
    "vocabulary.requests.Kind",
    "vocabulary.status.State",
    "vocabulary.notify.Ending",
    "vocabulary.kinds.chat.WhenBusy",
    "client.conversation_calls.Side",
    "client.job_events.OnRestart",
    "vocabulary.models.Circuit",
    "vocabulary.models.HostWork",
    "images.image.ImageSource",
)
_PLAIN = {
    r"Annotated\[(\w+), [^\]]*\]": r"\1",  # its bounds are said in words
    r"\bTaggedResult\b": "Result",
    r"\bName\b": "str",
    r"\bJsonObject\b": "dict[str, Any]",
    r"Field\(default_factory=dict\)": "{}",
    r"batches\.IN_FLIGHT": str(IN_FLIGHT),
}
_NOT_SHOWN = {"TypedDict", "Frozen", "Generic", "BaseModel", "Strict", "list"}
_INTERNAL = {"Piece"}


def render_page() -> str:
    """Render the whole page, as Markdown."""
    package = griffe.load("llamaq", search_paths=[CHECKOUT], docstring_parser="google")
    parts = [_INTRODUCTION]
    for title, path in _CLASSES:
        parts += _render_class(title, package[path.removeprefix("llamaq.")])
    parts += _render_arguments(package["vocabulary.fields"], package["vocabulary.kinds.request.Request"])
    parts += _render_aliases(package)
    for title, path, names in _MODELS:
        parts += _render_models(title, package[path.removeprefix("llamaq.")], names)
    parts += _render_errors(package["vocabulary.errors"])
    return "\n".join(parts).rstrip() + "\n"


# --- verbs


def _render_class(title: str, kind: Any) -> Iterator[str]:
    yield f"## {title}: `{kind.name}`\n"
    yield from _render_docstring(kind)
    for name, verb in sorted(kind.all_members.items()):
        if name.startswith("_") or verb.is_attribute:
            continue
        yield f"### `{name}`\n"
        yield f"```python\n{_render_signature(verb)}\n```\n"
        yield from _render_docstring(verb)


def _render_signature(verb: Any) -> str:
    """Render a call: of overloads the most general one, without `self`."""
    parameters = [
        text for one in verb.parameters if one.name not in {"self", "cls"} for text in [_render_parameter(one)]
    ]
    star = next((at for at, one in enumerate(verb.parameters) if one.kind.value == "keyword-only"), None)
    if star is not None:
        before = sum(one.name in {"self", "cls"} for one in list(verb.parameters)[:star])
        parameters.insert(star - before, "*")
    joined = ", ".join(parameters)
    returns = f" -> {verb.returns}"
    if len(verb.name) + len(joined) + len(returns) < 100:
        return f"{verb.name}({joined}){returns}"
    return f"{verb.name}(\n" + "".join(f"    {one},\n" for one in parameters) + f"){returns}"


def _render_parameter(one: Any) -> str:
    if one.kind.value == "variadic keyword":
        return f"**{one.name}: {str(one.annotation).removeprefix('Unpack[').removesuffix(']')}"
    default = "" if one.default is None else f" = {_simplify(one.default)}"
    return f"{one.name}: {_simplify(one.annotation)}{default}"


def _render_docstring(of: Any) -> Iterator[str]:
    """Render the docstring: its text, then its sections as lists."""
    for section in of.docstring.parse("google") if of.docstring else ():
        match section.kind.value:
            case "text":
                yield f"{section.value}\n"
            case "parameters" | "attributes":
                yield "".join(f"* `{one.name}`: {_join_lines(one.description)}\n" for one in section.value)
            case "raises":
                yield "Raises:\n"
                yield "".join(f"* `{one.annotation}`: {_join_lines(one.description)}\n" for one in section.value)
            case "returns":
                yield "Returns: " + " ".join(_join_lines(one.description) for one in section.value) + "\n"


def _join_lines(text: str) -> str:
    return " ".join(text.split())


# --- arguments, models, errors


def _render_arguments(module: Any, request: Any) -> Iterator[str]:
    yield "## The keyword arguments of the verbs\n"
    yield from _render_docstring(request)
    for kind in _find_own_classes(module):
        yield from _render_fields(kind)


def _render_fields(kind: Any) -> Iterator[str]:
    yield f"### `{kind.name}`\n"
    sections = kind.docstring.parse("google") if kind.docstring else []
    yield from (f"{section.value}\n" for section in sections if section.kind.value == "text")
    meanings = {
        one.name: _escape_cell(one.description)
        for section in sections
        if section.kind.value == "attributes"
        for one in section.value
    }
    bases = [str(base).partition("[")[0] for base in kind.bases]
    shown = [f"[`{base}`](#{base.lower()})" for base in bases if base not in _NOT_SHOWN]
    if shown:
        yield f"Also the fields of {', '.join(shown)}.\n"
    yield from _render_table(kind, meanings)


def _find_own_classes(module: Any) -> list[Any]:
    own = [kind for kind in module.classes.values() if not kind.is_alias and not kind.name.startswith("_")]
    return [kind for kind in own if kind.name not in _INTERNAL]


def _render_models(title: str, module: Any, names: tuple[str, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    for kind in _find_classes(module, names):
        yield from _render_fields(kind)


def _find_classes(module: Any, names: tuple[str, ...]) -> Iterator[Any]:
    for one in module.modules.values():
        yield from _find_classes(one, names)
    yield from (kind for kind in _find_own_classes(module) if not names or kind.name in names)


def _render_table(kind: Any, meanings: Mapping[str, str]) -> Iterator[str]:
    fields = [
        one
        for one in kind.members.values()
        if one.is_attribute
        and not one.is_alias
        and not one.name.startswith(("_", "model_config"))
        and one.annotation is not None
    ]
    columns = {
        "field": [f"`{one.name}`" for one in fields],
        "type": [f"`{_escape_cell(_simplify(one.annotation))}`" for one in fields],
        "default": ["" if one.value is None else f"`{_escape_cell(_simplify(one.value))}`" for one in fields],
        "meaning": [
            meanings.get(one.name) or _escape_cell(one.docstring.value if one.docstring else "") for one in fields
        ],
    }
    # An attribute that `__init__` sets has no type here.
    yield from [f"* `{name}`: {meaning}\n" for name, meaning in meanings.items() if f"`{name}`" not in columns["field"]]
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    if shown:
        rows = [shown, ["---"] * len(shown), *zip(*shown.values(), strict=True)]
        yield "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _render_aliases(package: Any) -> Iterator[str]:
    yield "## Names of types\n"
    yield "| name | stands for |\n| --- | --- |\n" + "".join(
        f"| `{path.rpartition('.')[2]}` | `{_escape_cell(str(package[path].value))}` |\n" for path in _ALIASES
    )


def _simplify(expression: Any) -> str:
    """Render an annotation or a default, without names that only the code knows."""
    text = str(expression)
    for pattern, shown in _PLAIN.items():
        text = re.sub(pattern, shown, text)
    return text


def _escape_cell(text: str) -> str:
    return _join_lines(text).replace("|", "\\|")


def _render_errors(module: Any) -> Iterator[str]:
    yield "## Errors\n"
    yield f"```\n{_render_tree(module)}\n```\n"
    for kind in _find_own_classes(module):
        yield f"### `{kind.name}`\n"
        yield from _render_docstring(kind)


def _render_tree(module: Any) -> str:
    below: dict[str, list[str]] = {}
    for kind in module.classes.values():
        for base in map(str, kind.bases):
            below.setdefault(base, []).append(kind.name)

    def lines(name: str, depth: int) -> Iterator[str]:
        yield "  " * depth + name
        for one in below.get(name, ()):
            yield from lines(one, depth + 1)

    return "\n".join(lines("LlamaqError", 0))
