"""Makes the long description of the packages while they are built: README.md, with links that work on a package index.

There a relative link is dead. GitHub's workflows set `GITHUB_SERVER_URL` and `GITHUB_REPOSITORY`; links then go to the
tag of the version. A build elsewhere does not know the repository, and leaves the words of each link without the link.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?P<image>!?)\[(?P<words>[^\]]*)\]\((?!\w+:)(?P<target>[^)\s]+)\)")


class LongDescription(MetadataHookInterface):
    """What `[tool.hatch.metadata.hooks.custom]` names."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields `readme` and `urls`."""
        repository = find_repository(os.environ)
        text = (Path(self.root) / "README.md").read_text("utf-8")
        tag = f"v{metadata['version']}"
        metadata["readme"] = {"content-type": "text/markdown", "text": make_links_absolute(text, repository, tag)}
        if repository:
            metadata["urls"] = {
                "Repository": repository,
                "Documentation": f"{repository}/tree/{tag}/docs",
                "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
            }


def find_repository(environ: Mapping[str, str]) -> str:
    """Find the address of the repository that a workflow of GitHub builds; empty elsewhere."""
    name = environ.get("GITHUB_REPOSITORY")
    return f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}" if name else ""


def make_links_absolute(text: str, repository: str, tag: str) -> str:
    """Make relative links of Markdown go to a tag of the repository; without a repository they are plain words."""

    def linked(found: re.Match[str]) -> str:
        image, words, target = found["image"], found["words"], found["target"]
        if not repository:
            return "" if image else words
        path = f"README.md{target}" if target.startswith("#") else target
        return f"{image}[{words}]({repository}/{'raw' if image else 'blob'}/{tag}/{path})"

    # Every second part is a block of code.
    parts = _FENCED.split(text)
    return "".join(part if index % 2 else _LINK.sub(linked, part) for index, part in enumerate(parts))
