"""`@pytest.mark.xdist_group("name")`: tests of one group run one after another, in the same process of pytest-xdist.

Tests of a module that share a fixture of its scope are a group without a mark, so that it is set up once. So are the
tests that load the embedded model.

pytest-xdist 3.8 appends `@name` to an item's `_nodeid`, from which its scheduler reads the group. pytest 9.2 keeps the
node id in `_id` and never reads `_nodeid`, so there the mark has no effect without this plugin.
"""

from collections.abc import Iterator

import pytest

MARK = "xdist_group"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests that share a fixture, and let pytest read the groups that pytest-xdist writes into node ids."""
    for item in items:
        if item.get_closest_marker(MARK) is None and (group := _group(item)) is not None:
            item.add_marker(pytest.mark.xdist_group(group))
    yield
    for item in items:
        # Older versions of pytest keep `_nodeid` in a slot, where it has its effect, and not in the dictionary.
        written = vars(item).pop("_nodeid", None)
        if written is not None:
            item._id = item._id.parse(written)  # not public, and new in pytest 9.2


def _group(item: pytest.Item) -> str | None:
    # The engine's threads wait by spinning: two engines at once take the processors from each other for minutes.
    if item.get_closest_marker("model") is not None:
        return "model"
    return item.nodeid.partition("::")[0] if _shares_a_fixture(item) else None


def _shares_a_fixture(item: pytest.Item) -> bool:
    """Whether it uses a fixture of a module's scope."""
    info = getattr(item, "_fixtureinfo", None)  # a test that is no function has none
    return info is not None and any(found[-1].scope == "module" for found in info.name2fixturedefs.values())
