"""`@pytest.mark.xdist_group("name")`: tests of one group run one after another, in the same process of pytest-xdist.

pytest-xdist 3.8 appends `@name` to an item's `_nodeid`, from which its scheduler reads the group. pytest 9.2 keeps the
node id in `_id` and never reads `_nodeid`, so there the mark has no effect without this plugin.
"""

import pytest


@pytest.hookimpl(trylast=True)  # after pytest-xdist's own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pytest report the node id that pytest-xdist has written."""
    for item in items:
        # Older versions of pytest keep `_nodeid` in a slot, where it has its effect, and not in the dictionary.
        written = vars(item).pop("_nodeid", None)
        if written is not None:
            item._id = item._id.parse(written)  # not public, and new in pytest 9.2
