"""`python -m tests.changed_worker '{"module.NAME": VALUE}' [OPTION ...]`: a worker with constants of modules changed.

For a test that would otherwise wait for them. It takes the options of `python -m worker`.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Mapping

Constants = Mapping[str, float]
SOON: Constants = {
    "tasks.attempt.failures.FIRST_PAUSE_SECONDS": 0.1,
    "tasks.attempt.failures.LONGEST_REFUSAL_PAUSE_SECONDS": 0.4,
    "worker.duties.reaper.ROUND_SECONDS": 0.2,
}
"""Retries follow within 0.3 s, not within 2 s."""


def command(constants: Constants) -> list[str]:
    """The command of a worker, with these constants of modules and classes by their full names."""
    return [sys.executable, "-m", "tests.changed_worker", json.dumps(constants)]


def main(constants: str, *options: str) -> int:
    """Change the constants, then run the worker."""
    for name, value in json.loads(constants).items():
        place, _, attribute = name.rpartition(".")
        target = pkgutil.resolve_name(place)
        getattr(target, attribute)  # a name that is gone is an error
        setattr(target, attribute, value)
    code: int = importlib.import_module("worker.__main__").main([*options])
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
