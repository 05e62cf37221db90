"""The site of docs/: each link leads somewhere, and no page asks another server for anything."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from docs import site_pages
from tests.commands import run
from tests.contract.built import CHECKOUT

PAGES = {page.stem for page in (CHECKOUT / "docs").glob("*.md")} | {"contributing", "changelog"}
LOADED = re.compile(r"<(?:script|img|link)[^>]*(?:src|href)=\"?(https?:[^\" >]+)")


def _build(folder: Path, to: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(to)]
    return run(command, cwd=folder, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, timeout=120)


def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    """Every page is in the navigation; links, anchors and pictures are there, also in README and CONTRIBUTING."""
    done = _build(CHECKOUT, tmp_path / "site")

    assert done.returncode == 0, done.stderr
    assert {page for page in PAGES if not (tmp_path / "site" / page / "index.html").exists()} == set()
    assert "job.text()" in (tmp_path / "site" / "index.html").read_text("utf-8")
    loaded = {url for page in (tmp_path / "site").rglob("*.html") for url in LOADED.findall(page.read_text("utf-8"))}
    assert loaded == set()


def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    """A page, an anchor, and a page that is in no navigation: each is named."""
    copy = tmp_path / "copy"
    shutil.copytree(CHECKOUT / "docs", copy / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", *site_pages.PAGES):
        shutil.copy(CHECKOUT / name, copy / name)
    with (copy / "docs" / "cli.md").open("a") as page:
        page.write("\n[one](nowhere.md) [two](sdk.md#nowhere)\n")
    (copy / "docs" / "forgotten.md").write_text("# Forgotten\n")

    done = _build(copy, tmp_path / "site")

    assert done.returncode == 1
    for named in ("'nowhere.md'", "'#nowhere'", "forgotten.md"):
        assert named in done.stderr


@pytest.mark.parametrize(
    ("folder", "given", "made"),
    [
        ("", "[a](docs/cli.md#filters)", "[a](cli.md#filters)"),
        ("", "[c](CONTRIBUTING.md) [`d`](CHANGELOG.md)", "[c](contributing.md) [`d`](changelog.md)"),
        ("", "![x](docs/img/cpu.png)", "![x](img/cpu.png)"),
        ("docs", "[r](../README.md#try-it)", "[r](index.md#try-it)"),
        ("docs", "[e](../examples/fastapi/)", "e"),
        ("docs", "[o](https://ollama.com) [h](#here)", "[o](https://ollama.com) [h](#here)"),
        ("docs", "[n](nowhere.md)", "[n](nowhere.md)"),
    ],
)
def test_a_link_of_the_checkout_becomes_one_of_the_site(folder: str, given: str, made: str) -> None:
    """What is no page is plain text, or leads to the repository where one is named."""
    files: Any = SimpleNamespace(get_file_from_path=lambda path: path if Path(path).suffix == ".md" else None)
    config = cast("Any", SimpleNamespace(repo_url=None))

    assert site_pages._rewrite_links(given, folder, config, files) == made
    config.repo_url = "https://git.example/llamaq/"
    known = "[e](https://git.example/llamaq/blob/HEAD/examples/fastapi)"
    assert site_pages._rewrite_links(given, folder, config, files) == (known if made == "e" else made)
