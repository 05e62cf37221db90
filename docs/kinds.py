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


def render_files() -> dict[Path, str]:
    """Render each page with its lists, by its path."""
    return {path: _fill_lists(path.read_text("utf-8")) for path in PAGES}


def _fill_lists(page: str) -> str:
    return _BLOCK.sub(lambda found: found["begin"] + _LISTS[found["name"]]() + found["end"], page)


def _render_table() -> str:
    return _HEAD + "".join(_render_row(kind, declared) for kind, declared in DECLARATIONS.items())


def _render_row(kind: str, declared: Declaration) -> str:
    cells = (
        f"`{kind}`",
        declared.summary,
        _join_code(endpoint.path for endpoint in declared.endpoints),
        ", ".join(declared.needs),
        _join_code(_find_texts(declared.request)),
        _join_code((tag_of(shape) for shape in declared.results), " or "),
    )
    return f"| {' | '.join(cells)} |\n"


def _find_texts(request: type[BaseModel]) -> Iterator[str]:
    rules_of(request)
    for name, field in request.model_fields.items():
        if any(rule.filtered for rule in rules_in(field)):
            yield wire_name(name, field)


def _join_code(words: Iterator[str], between: str = ", ") -> str:
    return between.join(f"`{word}`" for word in words)


def _render_payloads() -> str:
    return "".join(
        f"    {kind}:\n"
        '      headers: {$ref: "#/components/schemas/envelope"}\n'
        f'      payload: {{$ref: "./schemas/requests/{kind}.json"}}\n'
        for kind in DECLARATIONS
    )


_LISTS = {
    "table": _render_table,
    "messages": lambda: "".join(f'      {kind}: {{$ref: "#/components/messages/{kind}"}}\n' for kind in DECLARATIONS),
    "operations": lambda: "".join(f'      - $ref: "#/channels/inbox/messages/{kind}"\n' for kind in DECLARATIONS),
    "payloads": _render_payloads,
}
