"""How far a pull is, in words."""

from collections.abc import Mapping
from typing import Any

from llamaq.cli.terminal.duration import size


def pulling(told: Mapping[str, Any]) -> str:
    """A `progress` event of the stage `pulling` in words, whatever a newer worker puts into it."""
    status = str(told.get("status") or "pulling the model")
    done, total = told.get("completed"), told.get("total")
    if not isinstance(done, int) or not isinstance(total, int) or total <= 0:
        return status
    return f"{status}: {100 * done // total} % of {size(total)}"
