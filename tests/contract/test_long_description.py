"""The long description of the packages: README.md as a package index shows it."""

import os
import sys
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import llamaq
from tests.commands import run
from tests.contract.built import CHECKOUT, copy_sources

REPOSITORY = "https://forge.example/someone/llamaq"
TAG = f"v{llamaq.__version__}"
IN_A_WORKFLOW = {"GITHUB_SERVER_URL": "https://forge.example", "GITHUB_REPOSITORY": "someone/llamaq"}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Message:
    """The metadata of a wheel that a workflow has built."""
    return built(tmp_path_factory.mktemp("described") / "source", IN_A_WORKFLOW)


def built(source: Path, environ: dict[str, str]) -> Message:
    """The metadata of a wheel that is built with these variables."""
    copy_sources(source)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    done = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=source, env={**bare, **environ})
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def tokens(message: Message) -> Iterator[Token]:
    """Those of the description's Markdown, as a renderer reads it."""
    for block in MarkdownIt("commonmark").enable("table").parse(str(message.get_payload())):
        yield block
        yield from block.children or ()


def targets(message: Message) -> list[str]:
    """Where its links and images lead."""
    found = [token.attrGet("href") or token.attrGet("src") for token in tokens(message)]
    return [str(target) for target in found if target]


def test_each_link_leads_somewhere_from_a_package_index(described: Message) -> None:
    """It is absolute; those into the repository go to the tag, and to files that are there."""
    assert described["Description-Content-Type"] == "text/markdown"
    found = targets(described)
    assert len(found) > 30
    assert {urlsplit(target).scheme for target in found} <= {"http", "https"}
    ours = [target.removeprefix(f"{REPOSITORY}/") for target in found if target.startswith(REPOSITORY)]
    paths = [target.partition("#")[0].partition(f"/{TAG}/")[2] for target in ours]
    assert len(paths) > 25
    assert [path for path in paths if not path or not (CHECKOUT / path).exists()] == []
    assert {target.partition("/")[0] for target in ours if not target.endswith(".png")} == {"blob"}
    assert {target.partition("/")[0] for target in ours if target.endswith(".png")} == {"raw"}


def test_no_html_is_left_that_could_hold_a_link(described: Message) -> None:
    """What rewrites the links reads Markdown alone."""
    assert [token.content for token in tokens(described) if token.type in ("html_inline", "html_block")] == []


def test_the_rest_is_the_page_as_it_stands(described: Message) -> None:
    """Blocks of code among it."""
    page = (CHECKOUT / "README.md").read_text("utf-8")
    code = [token.content for token in MarkdownIt("commonmark").parse(page) if token.type == "fence"]
    assert [token.content for token in tokens(described) if token.type == "fence"] == code
    assert len(str(described.get_payload()).splitlines()) == len(page.splitlines())


def test_the_index_shows_where_the_sources_are(described: Message) -> None:
    """And the changes of this version."""
    addresses = dict(line.split(", ", 1) for line in described.get_all("Project-URL") or ())
    assert addresses["Repository"] == REPOSITORY
    assert addresses["Changelog"] == f"{REPOSITORY}/blob/{TAG}/CHANGELOG.md"


def test_a_build_elsewhere_has_no_dead_link(tmp_path: Path) -> None:
    """The repository is not known there, so the words stay and the links go."""
    described = built(tmp_path / "source", {})
    assert [target for target in targets(described) if not urlsplit(target).scheme] == []
    assert "reference of the SDK" in str(described.get_payload())
    assert described.get_all("Project-URL") is None
