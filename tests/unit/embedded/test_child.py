"""Processes that the demo and the tests start."""

import os
import subprocess
import sys

from embedded.child import spawn


def test_ctrl_c_does_not_reach_a_child() -> None:
    """A terminal sends it to the process group of the foreground, and a child has a group of its own."""
    child = spawn([sys.executable, "-c", "input()"], output=subprocess.DEVNULL, errors=subprocess.DEVNULL)
    try:
        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    finally:
        child.kill()
        child.wait()
