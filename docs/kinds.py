"""The lists of kinds in the documentation, made from the declarations: `python3 run.py generate` writes them anew.

Each stands between two lines of its page, `kinds: <list>` and `kinds: end`, and the rest of the page is left alone.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from llamaq.vocabulary.kinds.declaration import Declaration
from llamaq.vocabulary.requests import DECLARATIONS
from llamaq.vocabulary.results import tag_of
from llamaq.vocabulary.text_rules import rules_in, rules_of, wire_name

FOLDER = Path(__file__).parent
PAGES = (FOLDER / "wire.md", FOLDER / "asyncapi.yaml")
_BLOCK = re.compile(r"(?ms)(?P<begin>^[^\n]*\bkinds: (?P<name>\w+)\b[^\n]*\n).*?(?P<end>^[^\n]*\bkinds: end\b)")
_HEAD = """\
| kind | what it gives | of Ollama | capabilities that it can need | texts that the model sees | result |
|---|---|---|---|---|---|
"""


def files() -> dict[Path, str]:
    """Each page with its lists, by its path."""
    return {path: _with_lists(path.read_text("utf-8")) for path in PAGES}


def _with_lists(page: str) -> str:
    return _BLOCK.sub(lambda found: found["begin"] + _LISTS[found["name"]]() + found["end"], page)


def _table() -> str:
    return _HEAD + "".join(_row(kind, declared) for kind, declared in DECLARATIONS.items())


def _row(kind: str, declared: Declaration) -> str:
    cells = (
        f"`{kind}`",
        declared.summary,
        _code(endpoint.path for endpoint in declared.endpoints),
        ", ".join(declared.needs),
        _code(_texts(declared.request)),
        _code((tag_of(shape) for shape in declared.results), " or "),
    )
    return f"| {' | '.join(cells)} |\n"


def _texts(request: type[BaseModel]) -> Iterator[str]:
    rules_of(request)
    for name, field in request.model_fields.items():
        if any(rule.filtered for rule in rules_in(field)):
            yield wire_name(name, field)


def _code(words: Iterator[str], between: str = ", ") -> str:
    return between.join(f"`{word}`" for word in words)


def _payloads() -> str:
    return "".join(
        f"    {kind}:\n"
        '      headers: {$ref: "#/components/schemas/envelope"}\n'
        f'      payload: {{$ref: "./schemas/requests/{kind}.json"}}\n'
        for kind in DECLARATIONS
    )


_LISTS = {
    "table": _table,
    "messages": lambda: "".join(f'      {kind}: {{$ref: "#/components/messages/{kind}"}}\n' for kind in DECLARATIONS),
    "operations": lambda: "".join(f'      - $ref: "#/channels/inbox/messages/{kind}"\n' for kind in DECLARATIONS),
    "payloads": _payloads,
}
