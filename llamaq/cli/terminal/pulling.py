"""The progress of a pull as text."""

from collections.abc import Mapping
from typing import Any

from llamaq.cli.terminal.duration import format_size


def describe_pull(fields: Mapping[str, Any]) -> str:
    """Describe the fields of a `progress` event of the stage `pulling`. A newer worker may have other fields."""
    status = str(fields.get("status") or "pulling the model")
    done, total = fields.get("completed"), fields.get("total")
    if not isinstance(done, int) or not isinstance(total, int) or total <= 0:
        return status
    return f"{status}: {100 * done // total} % of {format_size(total)}"
