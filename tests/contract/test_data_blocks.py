"""Blocks of data in the pages can be read; every page of the repository is looked at, and every language is tested."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.contract import code_blocks
from tests.contract.built import CHECKOUT
from tests.contract.code_blocks import PAGES, Block, of_language

TESTED = {
    *("json", "yaml"),  # here
    "python",  # test_python_blocks.py
    *("sh", "console", ""),  # test_shell_blocks.py: what has no language is a drawing, or what a program prints
    *("ts", "js"),  # tests/gateway/clients/test_typescript.py
}
STANDING = [page for page in PAGES if not page.is_relative_to(CHECKOUT / "bench")]  # templates of pages of docs/


def test_every_language_is_tested() -> None:
    """A block in another language, or with a misspelt one, would be tested by nothing."""
    assert code_blocks.languages() <= TESTED


def test_every_page_is_looked_at() -> None:
    """Those beside the code too."""
    names = {str(page.relative_to(CHECKOUT)) for page in PAGES}
    assert {"README.md", "docs/http.md", "ops/redis/README.md", "clients/typescript/README.md"} <= names
    assert not [name for name in names if "node_modules" in name or name.startswith(".")]


@pytest.mark.parametrize("block", of_language("json"), ids=str)
def test_json_can_be_read(block: Block) -> None:
    """A whole value, or a line each."""
    try:
        json.loads(block.text)
    except json.JSONDecodeError:
        assert [json.loads(line) for line in block.text.splitlines()]


@pytest.mark.parametrize("block", of_language("yaml"), ids=str)
def test_yaml_can_be_read(block: Block) -> None:
    """It has keys."""
    assert isinstance(yaml.safe_load(block.text), (dict, list))


@pytest.mark.parametrize("page", STANDING, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_the_links_of_a_page_lead_to_files(page: Path) -> None:
    """From where the page stands; the site's own check reads docs/ alone."""
    links = [
        str(child.attrGet("href") or child.attrGet("src"))
        for token in MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))
        for child in token.children or ()
        if child.type in ("link_open", "image")
    ]
    paths = [unquote(link.partition("#")[0]) for link in links if "://" not in link and not link.startswith("#")]
    assert [path for path in paths if not (page.parent / path).exists()] == []
