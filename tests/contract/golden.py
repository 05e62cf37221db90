"""Golden files: what is on the wire, byte for byte.

After a change that is meant, write them anew and look at the difference before it is committed:

    UPDATE_GOLDEN=1 python3 run.py test tests/contract
"""

import json
import os
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "golden"


def check(name: str, text: str) -> None:
    """Compare with `golden/<name>`; or write it, where `UPDATE_GOLDEN` is set."""
    path = HERE / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.exists(), f"{name} is missing: see tests/contract/golden.py"
    assert text == path.read_text("utf-8"), f"{name} differs: see tests/contract/golden.py"


def shown(value: Any) -> str:
    """JSON for people to read."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def timeless(payload: str) -> str:
    """An event as it stands in the log, with another time."""
    return re.sub(r'"at":\d+\.\d{3}(?=[,}])', '"at":1700000000.125', payload) + "\n"
