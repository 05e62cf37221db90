"""A worker on a machine whose clock is wrong: `python -m tests.faults.shifted_worker SECONDS`."""

import importlib
import sys
import time


def main(seconds: int) -> int:
    """Shift the clock, also where a module has its functions already, then run the worker."""
    right, right_ns = time.time, time.time_ns
    shifted = {right: lambda: right() + seconds, right_ns: lambda: right_ns() + seconds * 10**9}
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if value is right or value is right_ns:
                setattr(module, name, shifted[value])
    code: int = importlib.import_module("worker.__main__").main([])
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
