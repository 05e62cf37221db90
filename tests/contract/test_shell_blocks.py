"""Each command in the pages is one that there is, with options that it has; nothing is run."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import run
from llamaq.cli.app import app
from tests.commands import run as run_command
from tests.contract.built import CHECKOUT
from tests.contract.code_blocks import PAGES, Block, blocks, page_of

SHELL = list(blocks("sh", "console", ""))
FILES = {
    **dict.fromkeys(("book.json", "receipt.json"), '{"type": "object", "properties": {"title": {"type": "string"}}}'),
    **dict.fromkeys(("reviews.jsonl", "requests.jsonl"), '{"prompt": "x"}\n'),
    "photo.jpg": "",
}
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def _lines(block: Block) -> Iterator[str]:
    """The commands; of a block that shows a terminal, what was typed there."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language != "console":
            yield line
        elif line.startswith("$ "):
            yield line.removeprefix("$ ")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # prose, such as an apostrophe in a drawing
        return []


def _called(line: str, *names: str) -> Iterator[list[str]]:
    """The arguments of each call of a program in the line."""
    for part in re.split(r"\s(?:&&|\|\|?|;|then)\s", line):
        words = [word for word in _words(part) if not re.fullmatch(r"[A-Z_]+=.*", word)]
        if tuple(words[: len(names)]) == names:
            yield words[len(names) :]


LLAMAQ = [
    (str(block), words)
    for block in SHELL
    for line in _lines(block)
    for names in (("llamaq",), ("python3", "run.py", "llamaq"))
    for words in _called(line, *names)
]
RUN_PY = [
    (str(block), words) for block in SHELL for line in _lines(block) for words in _called(line, "python3", "run.py")
]
SPANS = [
    (page.name, words.strip())
    for page in PAGES
    if page.name != "CHANGELOG.md"
    for words in re.findall(r"`(?:python3 run\.py )?llamaq ([a-z][^`]*)`", page_of(page))
]
CLI = (CHECKOUT / "docs" / "cli.md").read_text("utf-8").partition("\n## Detaching")[0]
TABLE = re.findall(r"^\| (`.*?) \|", CLI, re.MULTILINE)
ROWS = [span for row in TABLE for span in re.findall(r"`([a-z][^`]*)`", row)]


@pytest.mark.parametrize("block", [block for block in SHELL if block.language == "sh"], ids=str)
def test_a_shell_can_read_it(block: Block) -> None:
    """Quotes and continued lines are whole."""
    done = run_command(["bash", "-n", "-c", block.text])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("where", "words"), LLAMAQ, ids=lambda value: str(value)[:60])
def test_the_command_line_takes_it(
    where: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its command, options and arguments, as click reads them."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    command, rest = _command(words)
    command.make_context(command.name, rest, parent=click.Context(app, info_name="llamaq"))


def _command(words: list[str]) -> tuple[click.Command, list[str]]:
    found: click.Command = app
    while isinstance(found, click.Group):
        assert words[0] in found.commands, f"there is no command {words[0]!r}"
        found, words = found.commands[words[0]], words[1:]
    return found, words


@pytest.mark.parametrize("words", [*ROWS, *(span for _, span in SPANS)])
def test_a_command_in_the_text_has_the_options_that_it_is_named_with(words: str) -> None:
    """Those of the table of commands too, whose arguments are words such as MODEL."""
    if words.startswith("--"):
        return
    named = words.split()
    if named == ["conversation"]:
        return
    command, _ = _command(named)
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}

    assert set(_FLAG.findall(words)) - {"--help", "--version"} <= options


@pytest.mark.parametrize(("where", "words"), RUN_PY, ids=lambda value: str(value)[:60])
def test_run_py_takes_it(where: str, words: list[str]) -> None:
    """The command is there, and its flags are in the source of what it runs."""
    two = " ".join(words[:2])
    name = two if two in run.COMMANDS else words[0]
    flags = {flag for word in words for flag in _FLAG.findall(word)}
    if name in ("llamaq", "test", "lock") or not flags:
        assert name in run.COMMANDS
        return
    package = CHECKOUT / run.COMMANDS[name][1][1].partition(".")[0]
    source = "".join(path.read_text("utf-8") for path in package.rglob("*.py"))

    assert {flag for flag in flags if f'"{flag}"' not in source} == set()


def test_there_is_something_to_check() -> None:
    """The lists above are made of the pages, and must not become empty unseen."""
    assert len(LLAMAQ) >= 10
    assert len(RUN_PY) >= 15
    assert len(ROWS) >= 35
    assert shutil.which("bash")
