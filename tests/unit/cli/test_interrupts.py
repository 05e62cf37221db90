"""Ctrl-C in the moment in which it begins to be ignored."""

import signal
import subprocess
import sys

from embedded.child import bind_command

PROGRAM = """
import signal
from llamaq.cli.terminal.interrupts import ignore_interrupts

signal.signal(signal.SIGINT, lambda *_: None)
print("ready", flush=True)
for _ in range(2000):
    signal.signal(signal.SIGINT, lambda *_: None)
    ignore_interrupts()
"""


def test_a_signal_at_that_moment_is_not_reported() -> None:
    """Python reports about one of 400 of them: "Signal 2 ignored due to race condition"."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(bind_command(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n"
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
        assert process.returncode == 0
