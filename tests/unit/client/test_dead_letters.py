"""A message that could not become a job, with changes."""

import pytest

from llamaq import InvalidRequest
from llamaq.client.dead_letters import change_request


@pytest.mark.parametrize("message", ["{", "[" * 5_000, '{"prompt": ' * 5_000, "[]"])
def test_a_message_that_cannot_be_read_is_not_changed(message: str) -> None:
    """The field of the error is the message, also where that is nested too deeply to be read."""
    with pytest.raises(InvalidRequest, match="nothing can be changed") as refused:
        change_request("generate", message, {"model": "m"})

    assert [problem.field for problem in refused.value.problems] == ["request"]
