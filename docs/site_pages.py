"""MkDocs' hook: pages of the site that lie outside of docs/, and links that leave it.

README, CONTRIBUTING and CHANGELOG are pages too. A link to another file of the checkout leads to the repository, where
`repo_url` of mkdocs.yml names one, and is plain text where it does not.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CHECKOUT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(docs/([^)\s]+)\)")
_BLOCK = re.compile(r"(^ *```.*?^ *```)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the checkout's root."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(CHECKOUT / name).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of the checkout into those of the site; blocks of code stay as they are."""
    folder = "" if page.file.src_uri in PAGES.values() else "docs"
    parts = _BLOCK.split(markdown)
    return "".join(
        part if index % 2 else _rewrite_links(part, folder, config, files) for index, part in enumerate(parts)
    )


def _rewrite_links(text: str, folder: str, config: MkDocsConfig, files: Files) -> str:
    def rewrite(found: "re.Match[str]") -> str:
        shown, target, anchor = found[1], found[2], found[3] or ""
        path = posixpath.normpath(posixpath.join(folder, target))
        if not (CHECKOUT / path).exists():
            return found[0]  # MkDocs warns of it
        page = PAGES.get(path) or path.removeprefix("docs/")
        if (path in PAGES or path.startswith("docs/")) and files.get_file_from_path(page):
            return f"[{shown}]({page}{anchor})"
        return f"[{shown}]({config.repo_url.rstrip('/')}/blob/HEAD/{path}{anchor})" if config.repo_url else shown

    return _LINK.sub(rewrite, text if folder else _IMAGE.sub(r"![\1](\2)", text))
