#!/usr/bin/env python3
"""Sets llamaq up and runs it: `python3 run.py demo`, `python3 run.py test`. Needs only Python 3.11 to 3.14.

`checkout/` installs the hash-locked packages of `requirements/` into `.venv`. Then this process is replaced by the
venv's Python. When all packages are installed, only the replacement is left to do.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
from typing import NoReturn

OLDEST, NEWEST = (3, 11), (3, 14)  # what the lock in requirements/ is made for


def _wrong_python() -> str:
    """The message for a Python that is too old or too new. It names a command that works here, if there is one."""
    remedy = "install Python 3.13 (Debian and Ubuntu: python3 and python3-venv)"
    for name in filter(shutil.which, [f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]):
        # pyenv puts names on PATH that start no Python, so each is tried before it is recommended.
        if not subprocess.call([name, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            remedy = f"run `{name} {' '.join(sys.argv)}`"
    return f"run.py: needs Python 3.11 to 3.14; {sys.executable} is {sys.version.split()[0]}: {remedy}"


# Before the other imports, which an older Python cannot parse, so that it prints this line and no traceback.
if not OLDEST <= sys.version_info[:2] <= NEWEST:
    sys.exit(_wrong_python())

from checkout.pip import SetupError, disk_full  # noqa: E402 - an older Python cannot read it
from checkout.progress import say  # noqa: E402 - as above
from checkout.venv import BIN, PYTHON, ROOT, environment, set_up  # noqa: E402 - as above

# Files of requirements/.
SERVICE, DEMO, MODEL = ("service",), ("service", "demo"), ("service", "demo", "model")
EVERYTHING = (*MODEL, "dev")
# One process more than processors: tests wait more than they compute. pytest uses the last of repeated options, so the
# user's `-n 0` overrides this one.
PYTEST = ["-m", "pytest", "-n", str(min(os.cpu_count() or 1, 4) + 1), "--dist", "loadgroup"]
# With -P a redis.py in the user's directory does not hide the library.
CLI = ["-P", "-m", "worker.shell", sys.argv[0]]
COMMANDS = {  # name -> (what it needs, what the venv's Python then runs, help)
    "demo": (DEMO, ["-m", "demo"], "try it: brings a Redis and a language model where there are none"),
    "test": (EVERYTHING, PYTEST, "the tests; --all: first install what some need; the rest goes to pytest"),
    "lint": (EVERYTHING, [], "ruff, mypy, import-linter, and whether generated files are fresh"),
    "generate": (EVERYTHING, ["-m", "codegen"], "write the generated files: the blocking client, schemas, pages"),
    "gateway": (
        SERVICE,
        ["-m", "gateway"],
        "the queue over HTTP, for clients of Ollama and OpenAI; `key add NAME`",
    ),
    "worker": (SERVICE, ["-m", "worker"], "a worker in front of an Ollama; `worker check` names what is missing"),
    "llamaq": (SERVICE, CLI, "the command line: run.py llamaq generate MODEL PROMPT"),
    "model": (MODEL, ["-m", "embedded.weights"], "fetch the demo's language model, as the demo does if need be"),
    "lock": ((), ["requirements/lock.py"], "write requirements/ from pyproject.toml; --upgrade: newest versions"),
}
TAKES_NO_ARGUMENTS = ("lint", "generate", "model")
LINTERS = ("ruff check", "ruff format --check", "mypy", "lint-imports", "python -m codegen --check")


def main(argv: list[str]) -> int:
    """Runs the command that `argv` names, and returns its exit code if the process is not replaced."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0
    if argv[0] not in COMMANDS:
        print(f"run.py: there is no command {argv[0]!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    # SIGTERM is handled as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(argv[0], argv[1:])
    except KeyboardInterrupt:
        say("stopped; the same command takes up from here", before="\n")
        return 130
    except SetupError as error:
        say(str(error))
    except OSError as error:
        needs = f"writes .venv and .llamaq in {ROOT}: {error.strerror}: {error.filename}"
        say(disk_full() if error.errno == errno.ENOSPC else needs)
    return 1


def _run(command: str, args: list[str]) -> int:
    if args and command in TAKES_NO_ARGUMENTS:
        hint = f"; did you mean `run.py llamaq {command} ...`?" if command == "generate" else ""
        raise SetupError(f"`{command}` takes no arguments{hint}")
    set_up(COMMANDS[command][0])
    if command == "lint":
        return lint()
    code = 0
    if command == "test" and "--all" in args:
        args.remove("--all")
        code = subprocess.call([PYTHON, "-m", "tests.programs"], cwd=ROOT, env=environment())
    return code or _become(command, args)


def _usage() -> str:
    rows = "\n".join(f"  {name:10}{text}" for name, (_, _, text) in COMMANDS.items())
    return f"usage: python3 run.py COMMAND [ARGUMENT ...]\n\n{rows}\n\nThe first run sets up .venv beside run.py."


def lint() -> int:
    """Runs every linter, also after one that failed; returns 1 if any failed."""
    failed = []
    for linter in LINTERS:
        say(linter)
        program, *args = linter.split()
        if subprocess.call([str(BIN / program), *args], cwd=ROOT, env=environment()):
            failed.append(linter)
    say(f"failed: {', '.join(failed)}" if failed else "all clean")
    return 1 if failed else 0


def _become(command: str, args: list[str]) -> NoReturn:
    """Replaces this process by the venv's Python, which then gets the signals and sets the exit code."""
    if command != "llamaq":  # its arguments may be files in the user's directory
        os.chdir(ROOT)
    os.execve(PYTHON, [PYTHON, *COMMANDS[command][1], *args], environment())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
