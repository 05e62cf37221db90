"""Each block of Python in the pages is code that works: it is checked for its types, and run where it needs only us."""

import ast
import asyncio
import json
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from llamaq import JobQueue
from llamaq.testing import FakeService
from tests.commands import run
from tests.contract.code_blocks import Block, blocks
from tests.service import wait_until

PYTHON: dict[str, list[Block]] = defaultdict(list)
for block in blocks("python"):
    PYTHON[block.page].append(block)
COMMON = "from pathlib import Path\nfrom typing import Any\nfrom pydantic import BaseModel\nfrom llamaq import *\n"
TYPES: dict[str, dict[str, str]] = {
    "docs/async.md": {"queue": "AsyncJobQueue"},
    "docs/conversations.md": {
        **dict.fromkeys(("look_up", "call"), "Any"),
        "history": "list[AnyMessage]",
        "tools": "list[Any]",
    },
    "docs/extraction.md": {"show": "Any", "texts": "list[str]", "requests": "list[dict[str, Any]]"},
    "docs/wire.md": {**dict.fromkeys(("app", "headers"), "Any"), "job_id": "str", "secret": "str", "body": "bytes"},
}
"""What the text around the blocks has said."""
ADDRESS = "redis://127.0.0.1:6379/0"
DUNE = {"title": "Dune", "year": 1965}
CALL = {"function": {"name": "weather", "arguments": {"city": "Köln"}}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RUN: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "README.md": ({}, ["Two particles.", DUNE]),
    "docs/async.md": ({}, ["Two particles."]),
    "docs/errors.md": ({}, []),
    "docs/sdk.md": ({}, ["Because."]),
    "docs/images.md": ({}, ["A cat."]),
    "docs/scaling.md": ({}, []),
    "docs/extraction.md": (
        {
            "show": print,
            "texts": ["Dune", "Dune again"],
            "requests": [{"custom_id": "1", "kind": "generate", "request": {"model": "llama3.2", "prompt": "x"}}],
        },
        [DUNE, DUNE, DUNE, "x"],
    ),
    "docs/conversations.md": (
        {
            "look_up": lambda city: f"11 degrees in {city}",
            "history": [{"role": "user", "content": "x"}],
            "call": {"id": "call_1", **CALL},
            "tools": [],
        },
        ["Spanish.", "Esperanto.", CALLED, "11 degrees.", "Warm enough."],
    ),
}
"""Of each page that is run: the names that it takes as known, and the answers of its jobs."""


def _is_code(block: Block) -> bool:
    """A signature of the reference is none; the line says whether it can be read as one."""
    if block.page == "docs/sdk.md" and block.text.partition("(")[0].isidentifier():
        ast.parse(f"def {block.text.rstrip()}: ...")
        return False
    return True


def _wrapped(block: Block, number: int) -> str:
    try:
        compile(block.text, str(block), "exec")
    except SyntaxError:  # it awaits outside of a function
        return f"async def block_{number}() -> None:\n{textwrap.indent(block.text, '    ')}\n"
    return block.text


@pytest.mark.timeout(300)
def test_the_types_of_each_block_are_right(tmp_path: Path) -> None:
    """As an editor shows them: names, arguments, and what a result has. The error names the file and the line."""
    for page, found in PYTHON.items():
        code = [_wrapped(block, number) for number, block in enumerate(found) if _is_code(block)]
        known = {"queue": "JobQueue", **TYPES.get(page, {})}
        given = [f"{name}: {of} = _any()" for name, of in known.items()]
        text = "\n".join([COMMON, "def _any() -> Any: ...", *given, *code])
        (tmp_path / page.replace("/", "_")).with_suffix(".py").write_text(text, "utf-8")
    rules = {"typeCheckingMode": "standard", "reportMissingModuleSource": "none", "extraPaths": [str(Path.cwd())]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(rules))
    command = ["-m", "pyright", "--pythonpath", sys.executable, "--project", str(tmp_path)]
    done = run([sys.executable, *command], cwd=tmp_path, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeService]:
    with FakeService(models=["llama3.2", "llava:7b"]) as fake:
        yield fake


@pytest.mark.parametrize("page", RUN)
@pytest.mark.filterwarnings("ignore:a blocking JobQueue:RuntimeWarning")
def test_the_blocks_of_a_page_run(
    page: str, fake: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after another, as they are written, with the answers of a fake service; only the address is another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLAMAQ_REDIS_URL", fake.url)
    PIL.Image.new("RGB", (32, 32), "red").save(tmp_path / "scan.jpg")
    known, answers = RUN[page]
    fake.answer(*answers)
    names: dict[str, Any] = {"__name__": "page", "queue": fake.queue}
    exec(COMMON, names)
    names |= known
    before = len(fake.requests)

    for number, block in enumerate(filter(_is_code, PYTHON[page])):
        text = _wrapped(block, number).replace(ADDRESS, fake.url)
        exec(compile(text, str(block), "exec"), names)
        if f"block_{number}" in names:
            asyncio.run(names[f"block_{number}"]())
        if isinstance(queue := names["queue"], JobQueue) and queue is not fake.queue:
            queue.close()

    wait_until(lambda: len(fake.requests) - before >= len(answers))


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    """As an application's own test would be run."""
    (block,) = PYTHON["docs/testing.md"]
    (tmp_path / "test_summary.py").write_text(block.text)
    done = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)], cwd=tmp_path)

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
