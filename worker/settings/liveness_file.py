"""Checks whether the worker can touch its liveness file."""

import os
from pathlib import Path


def find_problem(path: str) -> str | None:
    """Find what is wrong with the file; None where nothing is, also where none is set. Nothing is written."""
    if not path:
        return None
    file = Path(path)
    if file.exists():
        why = None if os.access(file, os.W_OK) else "this user may not write it"
    elif not file.parent.is_dir():
        why = "there is no such directory"
    else:
        why = None if os.access(file.parent, os.W_OK) else "this user may not write in its directory"
    return why and f"LLAMAQ_LIVENESS_FILE: {path}: {why}"
