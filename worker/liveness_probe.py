"""`python -m worker.liveness_probe FILE` exits with 0 while a worker touches its liveness file, else with 1.

Containers use it for their health checks, every few seconds. It imports no other module of this project:
`run.py worker alive` reads all settings first, which takes a second of processor time.
"""

import sys
import time
from pathlib import Path

STALE_SECONDS = 60.0
"""A worker counts as dead when its file is as old as this."""


def is_alive(file: str, now: float) -> bool:
    """Whether the liveness file was touched lately."""
    try:
        return now - Path(file).stat().st_mtime < STALE_SECONDS
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if len(sys.argv) == 2 and is_alive(sys.argv[1], time.time()) else 1)
