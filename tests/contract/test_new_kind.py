"""A kind is added by the steps of CONTRIBUTING in a copy of the checkout, and a job of it runs there end to end."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.commands import run
from tests.contract.built import CHECKOUT

PARTS = Path(__file__).parent / "new_kind"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "node_modules")
MOST_FILES = 8
NEW = {
    "llamaq/vocabulary/kinds/classify.py": "classify.txt",
    "tasks/classify.py": "task.txt",
    "tests/integration/test_classify.py": "job.txt",
}
# By file: a text that stands there once, and what it becomes.
EDITS: dict[str, list[tuple[str, str]]] = {
    "llamaq/vocabulary/requests.py": [
        ("import chat, embedding", "import chat, classify, embedding"),
        ('"embedding", "pull"', '"embedding", "classify", "pull"'),
        ("    | pull.PullRequest\n", "    | classify.ClassifyRequest\n    | pull.PullRequest\n"),
        ("extraction, embedding, pull", "extraction, embedding, classify, pull"),
    ],
    "llamaq/vocabulary/results.py": [
        (
            "from llamaq.vocabulary.kinds.embedding",
            "from llamaq.vocabulary.kinds.classify import ClassifyResult\nfrom llamaq.vocabulary.kinds.embedding",
        ),
        ("EmbeddingResult | PullResult", "EmbeddingResult | ClassifyResult | PullResult"),
    ],
    "llamaq/public_names.py": [
        (
            '    "vocabulary.kinds.embedding"',
            '    "vocabulary.kinds.classify": ["ClassifyRequest", "ClassifyResult"],\n    "vocabulary.kinds.embedding"',
        ),
    ],
    "llamaq/cli/terminal/answer.py": [
        (
            "from llamaq.vocabulary.kinds.embedding",
            "from llamaq.vocabulary.kinds.classify import ClassifyResult\nfrom llamaq.vocabulary.kinds.embedding",
        ),
        (
            "        case EmbeddingResult(",
            "        case ClassifyResult(label=label):\n            screen.write_line(label)\n"
            "        case EmbeddingResult(",
        ),
    ],
    "tasks/registry.py": [
        ("from tasks.embedding", "from tasks.classify import classify\nfrom tasks.embedding"),
        ('    "pull": pull,\n', '    "classify": classify,\n    "pull": pull,\n'),
    ],
    "tests/contract/full_requests.py": [
        (
            '    "pull": [',
            '    "classify": [{**_OF_A_MODEL, "text": "text", "labels": ["text", "text"]}],\n    "pull": [',
        ),
    ],
}
CODE = sorted(name for name in (*NEW, *EDITS) if not name.startswith("tests/"))


def _steps() -> list[str]:
    """The code files that the steps name, for a kind called `classify`."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8")
    (section,) = re.findall(r"^## A new kind of job\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    with_turns = re.findall(r"^\d+\. (.*?)(?=^\d+\. |^$)", section, re.MULTILINE | re.DOTALL)
    return [
        path.replace("<kind>", "classify")
        for step in with_turns
        for path in re.findall(r"`((?:llamaq|tasks|worker|api_client)/[^` ]*\.(?:py|lua))`", step)
    ]


def test_the_steps_name_at_most_eight_files_of_code() -> None:
    """And those are the files that the test below touches."""
    assert sorted(_steps()) == CODE
    assert len(CODE) <= MOST_FILES


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the new kind."""
    folder = tmp_path_factory.mktemp("new_kind") / "checkout"
    shutil.copytree(CHECKOUT, folder, ignore=LEFT_OUT)
    for name, part in NEW.items():
        shutil.copy(PARTS / part, folder / name)
    for name, edits in EDITS.items():
        text = (folder / name).read_text("utf-8")
        for old, new in edits:
            assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        (folder / name).write_text(text, "utf-8")
    _succeeds(folder, "-m", "codegen")
    return folder


def _succeeds(folder: Path, *command: str) -> str:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "LLAMAQ_"))}
    done = run([sys.executable, *command], cwd=folder, env=bare | {"PYTHONPATH": str(folder)}, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _tested(folder: Path, *arguments: str) -> str:
    return _succeeds(folder, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *arguments)


@pytest.mark.timeout(300)
def test_the_lists_and_the_rules_take_the_new_kind(copy: Path) -> None:
    """All that is tested of every kind holds for it, also that each of its texts is covered."""
    kinds = ("tests/contract/test_kinds.py", "tests/contract/test_asyncapi.py", "-k", "not parser")
    said = _tested(copy, *kinds)

    assert "passed" in said
    assert "| `classify` | the label that fits a text | `/api/generate` |" in (copy / "docs/wire.md").read_text("utf-8")
    assert (copy / "docs/schemas/requests/classify.json").is_file()


@pytest.mark.timeout(300)
def test_a_job_of_the_new_kind_runs_from_end_to_end(copy: Path) -> None:
    """With a real Redis, a real worker process and the scripted host."""
    said = _succeeds(
        copy, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "tests/integration/test_classify.py"
    )

    assert "5 passed" in said
