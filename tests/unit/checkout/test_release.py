"""The notes of a release, and what keeps a tag from being one."""

from pathlib import Path

import pytest

from checkout.release import NotReady, main, read_notes, read_version

CHANGES = """\
# Changes

## Unreleased

* Next.

## 1.2.0 - 2026-01-31

### Added

* `this`

## 1.1.0 - 2025-12-01

* That.
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout of version 1.2.0."""
    (tmp_path / "llamaq").mkdir()
    (tmp_path / "llamaq" / "__init__.py").write_text('"""llamaq."""\n\n__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    return tmp_path


def test_the_notes_are_the_section_of_the_version(root: Path) -> None:
    """Without its heading, and without the versions around it."""
    assert read_notes("v1.2.0", root) == "### Added\n\n* `this`\n"


@pytest.mark.parametrize("tag", ["v1.1.0", "v1.2", "1.2.0", "v1.2.0rc1", "main", ""])
def test_another_tag_is_refused(root: Path, tag: str) -> None:
    """With the version of the package and both remedies."""
    with pytest.raises(NotReady, match=r"says 1\.2\.0: tag v1\.2\.0, or change __version__"):
        read_notes(tag, root)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("## 1.2.0 - 2026-01-31", "## 1.2.0", "needs a date"),
        ("## 1.2.0 - 2026-01-31", "## 1.2.0 - soon", "needs a date"),
        ("## 1.2.0 - 2026-01-31", "### 1.2.0 - 2026-01-31", r"has no section of 1\.2\.0: write `## 1\.2\.0 - 20"),
        ("### Added\n\n* `this`\n", "", "is empty"),
    ],
)
def test_a_version_without_its_section_is_refused(root: Path, old: str, new: str, told: str) -> None:
    """No section, one without a date, and one that says nothing."""
    (root / "CHANGELOG.md").write_text(CHANGES.replace(old, new))
    with pytest.raises(NotReady, match=told):
        read_notes("v1.2.0", root)


def test_the_command_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, since standard output is the notes."""
    assert main(["v0.0.0"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"the tag is v0.0.0, and llamaq/__init__.py says {read_version()}: tag v{read_version()}, or change __version__"
    ]
    assert main([]) == 2
