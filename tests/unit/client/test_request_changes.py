"""Changes to a kept request by the names of its fields."""

from typing import Any

import pytest

from llamaq import InvalidRequest
from llamaq.client.request_changes import apply_changes

FIELDS = {
    "model": "m",
    "options": {"seed": 1},
    "messages": [{"role": "user", "content": "x"}],
    "metadata": {"a.b": "c"},
}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, {}),
        ({"model": "n", "prompt": "y"}, {"model": "n", "prompt": "y"}),
        ({"options": {"top_k": 2}}, {"options": {"top_k": 2}}),
        ({"options.seed": 2}, {"options": {"seed": 2}}),
        ({"options.top_k": 2}, {"options": {"seed": 1, "top_k": 2}}),
        ({"options.seed": None}, {"options": {}}),
        ({"schema.properties.a": {}}, {"schema": {"properties": {"a": {}}}}),
        ({"messages.0.content": "y"}, {"messages": [{"role": "user", "content": "y"}]}),
        ({"metadata.a.b": "d"}, {"metadata": {"a.b": "d"}}),
    ],
)
def test_a_change_leaves_the_rest(changes: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Only what is named is another; a key of metadata may hold dots of its own, and what was given is not touched."""
    before = repr(FIELDS)

    assert apply_changes(FIELDS, changes) == FIELDS | wanted
    assert repr(FIELDS) == before


@pytest.mark.parametrize(
    "name", ["model.x", "model.x.y", "messages.1.content", "messages.x", "messages.00000000000000"]
)
def test_a_name_that_leads_nowhere_is_refused(name: str) -> None:
    """A text has no fields, and a list only as many places as it has."""
    with pytest.raises(InvalidRequest) as refused:
        apply_changes(FIELDS, {name: 1})

    assert refused.value.problems[0].field == name
