"""`run.py worker` runs a worker; `run.py worker check` checks its settings, Redis and Ollama.

`run.py worker exporter` serves the metrics of the fleet without a worker.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from llamaq.importing import INTERRUPTED, quick_imports
from llamaq.invocation import command_line

WORKER = command_line("worker")
USAGE = f"""\
usage: {WORKER} [celery worker options]   run one worker, bound to one Ollama host
       {WORKER} check                     name each thing that is wrong, and its remedy
       {WORKER} alive                     exit with 0 while a worker touches LLAMAQ_LIVENESS_FILE, else with 1
       {WORKER} exporter                  serve the metrics of the fleet; it needs Redis alone, and no worker

Settings come from the environment: LLAMAQ_REDIS_URL, LLAMAQ_OLLAMA_URL, LLAMAQ_SLOTS and others; see docs/settings.md.
"""
COMMANDS = ("check", "alive", "exporter")
UNUSED = ("chardet", "psutil", "pygments", "rich", "yaml")
"""Packages that libraries import where they are installed. A worker needs none: 8 MB, and a third of its start."""
TRACES = "opentelemetry"
"""redis-py imports it where it is installed. A worker uses it only for traces of its own."""
_M_ARENA_MAX = -8


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0, 1 when something is wrong, or 2 for a wrong call."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        sys.stderr.write(f"there is no command {arguments[0]!r}; there are: {', '.join(COMMANDS)}\n{USAGE}")
        return 2
    # For a worker, of which there are many; the other commands may use all that is installed.
    with quick_imports(without=list_unused(os.environ) if arguments[:1] not in (["check"], ["exporter"]) else ()):
        from pydantic import ValidationError  # noqa: PLC0415 - a slow import, during which a Ctrl-C may come

        from worker.settings import variable_errors  # noqa: PLC0415 - as above
        from worker.settings.environment import load_settings  # noqa: PLC0415 - as above
    try:
        config = load_settings()
    except ValidationError as error:
        sys.stderr.write(variable_errors.render(error))
        return 2
    return _run(arguments, config)


def list_unused(variables: Iterable[str]) -> list[str]:
    """List the packages that a worker with these variables is not to import."""
    return [*UNUSED] if "LLAMAQ_OTEL" in map(str.upper, variables) else [*UNUSED, TRACES]


def _run(arguments: list[str], config: Any) -> int:
    match arguments[:1]:
        case ["check"]:
            return _check()
        case ["alive"]:
            return _alive(config)
        case ["exporter"]:
            return _export(config)
        case _:
            return _run_worker(arguments)


def _check() -> int:
    with quick_imports():
        from worker.app import app  # noqa: PLC0415 - as above; that it can be made is checked too
        from worker.preflight import report  # noqa: PLC0415 - as above
    try:
        return report.main(app.conf.llamaq)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads has seen enough, as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would write the rest at its end
        return 1


def _alive(config: Any) -> int:
    with quick_imports():
        from llamaq.store.clock import SYSTEM  # noqa: PLC0415 - as above
        from worker import liveness_probe  # noqa: PLC0415 - as above
    return 0 if liveness_probe.is_alive(config.liveness_file, SYSTEM.time()) else 1


def _export(config: Any) -> int:
    with quick_imports():
        from worker import exporter  # noqa: PLC0415 - as above
    code: int = exporter.main(config)
    return code


def _share_one_heap() -> None:
    """Let all threads allocate from one heap. By default glibc gives them up to eight for each core, which stay large.

    With one heap no thread waits longer, because Python's lock lets one of them run at a time. `MALLOC_ARENA_MAX` has
    precedence.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError):  # musl has no such function
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _run_worker(arguments: list[str]) -> int:
    _share_one_heap()
    with quick_imports():
        import click  # noqa: PLC0415 - as above
        from celery.bin.base import CLIContext  # noqa: PLC0415 - as above
        from celery.bin.worker import worker as command  # noqa: PLC0415 - as above

        from worker.app import app  # noqa: PLC0415 - as above
        from worker.telemetry import logs  # noqa: PLC0415 - as above
    name = f"llamaq-{os.getpid()}@{socket.gethostname()}"
    # Celery logs before it sets up logging itself. `quiet` leaves out its banner, which is not JSON.
    logs.configure(wanted=app.conf.llamaq.log_format)
    quiet = logs.choose_format(app.conf.llamaq.log_format) == "json"
    # Celery's `worker` without the command line around it, which imports Flower and a shell: a third of the start.
    # `app.worker_main` would lose the exit code.
    context = CLIContext(app=app, no_color=None, workdir=None, quiet=quiet)  # None: colours on a terminal
    try:
        code = command.main(["-n", name, "--loglevel", "INFO", *arguments], obj=context, standalone_mode=False)
    except click.ClickException as error:
        sys.stderr.write(f"{error.format_message()}\n{USAGE}")
        return 2
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
