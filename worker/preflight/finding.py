"""The result of one check."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, whether it is well (None: it works, with a warning), and what to do."""

    name: str
    well: bool | None
    message: str
