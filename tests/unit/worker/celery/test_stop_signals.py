"""A stop ends in time, whatever the main thread waits for."""

import subprocess
import sys

from embedded.child import bind_command
from worker.celery.stop_signals import UNFINISHED

PROGRAM = """
import signal, threading
from worker.celery import stop_signals

stop_signals.STOP_SECONDS = 0.1
stop_signals.StopSignals(lambda: None, 0.1, lambda: print("woken", flush=True)).install()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # another thread gets it, so this one does not wake up
print("ready", flush=True)
threading.Event().wait()
"""


def test_a_main_thread_that_does_not_go_on_is_ended() -> None:
    """Its Python handlers never run; the signal counts all the same, and Celery's loop is woken for it."""
    with subprocess.Popen(bind_command([sys.executable, "-c", PROGRAM]), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        try:
            assert process.stdout.readline() == b"woken\n"
            assert process.wait(30) == UNFINISHED
        finally:
            process.kill()
