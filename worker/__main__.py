"""`python -m worker` runs a worker; `python -m worker check` says what would keep it from working."""

import os
import socket
import sys

import click
from celery.bin.celery import celery as command
from pydantic import ValidationError

from llamaq.clock import SYSTEM

USAGE = """\
usage: python -m worker [celery worker options]   run one worker, bound to one Ollama host
       python -m worker check                     name each thing that is wrong, and its remedy
       python -m worker alive                     0 while a worker touches LLAMAQ_LIVENESS_FILE, else 1

Settings come from the environment: LLAMAQ_REDIS_URL, LLAMAQ_OLLAMA_URL, LLAMAQ_SLOTS and others; see the README.
"""


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0, 1 when something is wrong, or 2 for a wrong call."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    try:
        # Imported late: the application reads the settings as it is imported, and they may be wrong.
        from worker import liveness, preflight, telemetry  # noqa: PLC0415 - as above
        from worker.app import app  # noqa: PLC0415 - as above
    except ValidationError as error:
        for problem in error.errors():
            name = "".join(f"{part}: " for part in problem["loc"])
            sys.stderr.write(f"{name}{problem['msg']}\n")
        return 2
    if arguments[:1] == ["check"]:
        return preflight.main(app.conf.llamaq)
    if arguments[:1] == ["alive"]:
        return 0 if liveness.is_alive(app.conf.llamaq.liveness_file, SYSTEM.time()) else 1
    command.params[0].default = app  # as Celery's own `app.worker_main`, which loses the exit code on the way
    name = f"llamaq-{os.getpid()}@{socket.gethostname()}"
    # Now, for what Celery says before it sets up its logging; its banner would be the one thing that is not JSON.
    telemetry.configure(wanted=app.conf.llamaq.log_format)
    quiet = ["--quiet"] if telemetry.chosen(app.conf.llamaq.log_format) == "json" else []
    try:
        code = command.main([*quiet, "worker", "-n", name, "--loglevel", "INFO", *arguments], standalone_mode=False)
    except click.ClickException as error:
        sys.stderr.write(f"{error.format_message()}\n{USAGE}")
        return 2
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
