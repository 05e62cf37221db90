"""Checks whether the worker can touch its liveness file."""

import os
from pathlib import Path


def problem(path: str) -> str | None:
    """What is wrong with the file, or None, also where none is set. Nothing is written."""
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
