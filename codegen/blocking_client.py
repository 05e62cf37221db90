"""Generates the blocking client in `llamaq/client/blocking/` from the asyncio client in `llamaq/client/aio/`.

It removes `async` and `await`, and maps the names that differ. Comments and docstrings stay. `io.py`, `hub.py` and
`batch.py` are written by hand on both sides, because threads and event loops differ there.
"""

import re
import subprocess
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "llamaq" / "client"
GENERATED = (
    "connection",
    "conversation",
    "extraction_job",
    "job",
    "operations",
    "pipeline",
    "producer",
    "queue",
    "reader",
)
HEADER = "# Generated from ../aio/{name}.py by `python3 run.py generate`: change that file instead.\n"
NAMES = {
    "AsyncGenerator": "Generator",
    "AsyncIterator": "Iterator",
    "asynccontextmanager": "contextmanager",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "aclosing": "closing",
    "anext": "next",
    "TaskInbox": "ThreadInbox",
    "run_async": "run",
    "drive_steps_async": "drive_steps",
    "run_many_async": "run_many",
    "client.aio": "client.blocking",
}
_NAME = re.compile(r"\b(" + "|".join(map(re.escape, NAMES)) + r")\b")


def make_blocking(source: str) -> str:
    """Make the blocking form of an asyncio module, before it is formatted."""
    text = re.sub(r"\basync (def|with|for)\b", r"\1", source)
    text = re.sub(r"\bawait ", "", text)
    text = re.sub(r"\bAsyncGenerator\[([^\n]+), None\]", r"Generator[\1, None, None]", text)
    text = _NAME.sub(lambda found: NAMES[found[1]], text)
    text = re.sub(r"\bAsync(?=[A-Z])", "", text)
    text = re.sub(r"  # noqa: ASYNC\d+[^\n]*", "", text)
    return re.sub(r"^from collections\.abc import ([^\n]+)$", _sorted_names, text, flags=re.MULTILINE)


def _sorted_names(found: "re.Match[str]") -> str:
    return "from collections.abc import " + ", ".join(sorted(set(found[1].split(", "))))


def generate_module(name: str) -> str:
    """Generate the whole text of `blocking/<name>.py`."""
    source = (CLIENT / "aio" / f"{name}.py").read_text("utf-8")
    return _format(HEADER.format(name=name) + make_blocking(source), f"{name}.py")


def _format(text: str, name: str) -> str:
    for command in (["check", "--select", "I,F401", "--fix", "--quiet"], ["format"]):
        done = subprocess.run(
            ["ruff", *command, "--stdin-filename", str(CLIENT / "blocking" / name), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{name}: {done.stderr}")
        text = done.stdout
    return text


def generate_files() -> dict[Path, str]:
    """Generate every module, with its text."""
    return {CLIENT / "blocking" / f"{name}.py": generate_module(name) for name in GENERATED}
