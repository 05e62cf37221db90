"""The gateway's log on a terminal."""

import subprocess
import sys

from embedded.child import bind_command

SAYS = r"""
import logging
from gateway.server import logs
logs.configure("console")
log = logging.getLogger("ours")
log.warning("said %s", "\x1b[2J", extra={"reason": "why\x9b2J"})
try:
    raise ValueError("the host said \x1b]0;title\x07")
except ValueError:
    log.exception("a fault")
"""


def test_what_others_say_does_not_control_the_terminal() -> None:
    """In the text of a line, in its fields, and in the exception of a fault; the colours are our own."""
    done = subprocess.run(
        bind_command([sys.executable, "-c", SAYS]), capture_output=True, text=True, timeout=60, check=True
    )

    said = done.stderr
    assert not any(found in said for found in ("\x1b[2J", "\x1b]", "\x07", "\x9b"))
    assert "\u241b[2J" in said
    assert "the host said \u241b]0;title\u2407\n" in said
