"""Commands are packed by hiredis, which must not end the process for a signal."""

import sys

from tests.commands import run
from tests.worker_process import CHECKOUT

INTERRUPTED = """
import signal
from redis import Connection
from llamaq.store.connections.address import parse_url
from llamaq.store.connections.packing import pack_commands
from llamaq.store.connections.connection_options import blocking_options

def interrupt(*_):
    raise KeyboardInterrupt

numbers = [("SET", *range(20), *(number / 3 for number in range(20)))]
connection = Connection(**blocking_options(parse_url("redis://127.0.0.1"), 1))
signal.signal(signal.SIGALRM, interrupt)
for pack in (lambda: pack_commands(connection, numbers), lambda: connection.pack_command(*numbers[0])):
    for _ in range(300):
        try:
            signal.setitimer(signal.ITIMER_REAL, 2e-5)
            while True:
                pack()
        except KeyboardInterrupt:
            pass
print("alive")
"""


def test_an_interrupt_while_numbers_are_packed_does_not_end_the_process() -> None:
    """Hiredis writes a number by a function of Python that looks for signals, and does not look at its error."""
    done = run([sys.executable, "-c", INTERRUPTED], cwd=CHECKOUT)

    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
