"""`@pytest.mark.xdist_group("name")`: tests of one group run one after another, in the same process of pytest-xdist.

Tests of a module that share a fixture of its scope are a group without a mark, so that it is set up once.

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
        if item.get_closest_marker(MARK) is None and _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    yield
    for item in items:
        # Older versions of pytest keep `_nodeid` in a slot, where it has its effect, and not in the dictionary.
        written = vars(item).pop("_nodeid", None)
        if written is not None:
            item._id = item._id.parse(written)  # not public, and new in pytest 9.2


def _shares_a_fixture(item: pytest.Item) -> bool:
    """Whether it uses a fixture of a module's scope."""
    info = getattr(item, "_fixtureinfo", None)  # a test that is no function has none
    return info is not None and any(found[-1].scope == "module" for found in info.name2fixturedefs.values())
