"""What a look of the preflight comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: what was looked at, whether it is well (None: it works, but mind it), and what to do."""

    name: str
    well: bool | None
    message: str
