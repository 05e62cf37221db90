#!/usr/bin/env python3
"""Sets llamaq up and runs it: `python3 run.py demo`, `python3 run.py test`. Needs only Python 3.11 to 3.14.

`checkout/` installs the hash-locked packages of `requirements/` into `.venv`. Then this process is replaced by the
venv's Python. When all packages are installed, only the replacement is left to do.
"""

import difflib
import errno
import os
import shutil
import signal
import subprocess
import sys
from typing import NoReturn

OLDEST, NEWEST = (3, 11), (3, 14)  # what the lock in requirements/ is made for


def _describe_wrong_python() -> str:
    """Describe a Python that is too old or too new. It names a command that works here, if there is one."""
    remedy = "install Python 3.13 (Debian and Ubuntu: python3 and python3-venv)"
    for name in filter(shutil.which, [f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]):
        # pyenv puts names on PATH that start no Python, so each is tried before it is recommended.
        if not subprocess.call([name, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            remedy = f"run `{name} {' '.join(sys.argv)}`"
    return f"run.py: needs Python 3.11 to 3.14; {sys.executable} is {sys.version.split()[0]}: {remedy}"


# Before the other imports, which an older Python cannot parse, so that it prints this line and no traceback.
if not OLDEST <= sys.version_info[:2] <= NEWEST:
    sys.exit(_describe_wrong_python())

from checkout import release  # noqa: E402 - an older Python cannot read it
from checkout.pip import SetupError, describe_full_disk  # noqa: E402 - as above
from checkout.progress import say  # noqa: E402 - as above
from checkout.venv import BIN, PYTHON, ROOT, environment, set_up  # noqa: E402 - as above

# Files of requirements/.
SERVICE, DEMO, MODEL = ("service",), ("service", "demo"), ("service", "demo", "model")
EVERYTHING = (*MODEL, "dev")
# Two processes more than processors, because tests wait too. pytest uses the last of repeated options, so the user's
# `-n 0` overrides this one.
PYTEST = ["-m", "pytest", "-n", str(min(os.cpu_count() or 1, 4) + 2), "--dist", "loadgroup"]
# With -P a redis.py in the user's directory does not hide the library.
FLOWER = ["-m", "celery", "--app", "worker.app", "flower", "--conf=ops/flower/flowerconfig.py"]
CLI = ["-P", "-m", "llamaq.cli.checkout", sys.argv[0]]
Command = tuple[tuple[str, ...] | None, list[str], str]
# Name, of one or two words -> (what it needs, what the venv's Python then runs, help). Needs None: any Python runs it.
COMMANDS: dict[str, Command] = {
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
    "flower": (SERVICE, FLOWER, "Celery's own monitor, with the configuration of ops/flower"),
    "llamaq": (SERVICE, CLI, "the command line: run.py llamaq generate MODEL PROMPT"),
    "model": (MODEL, ["-m", "embedded.weights"], "fetch the demo's language model, as the demo does if need be"),
    "ops credentials": (
        None,
        ["-m", "ops.credentials"],
        "passwords, tokens and certificates of a deployment; renews them",
    ),
    "ops topology": (
        DEMO,
        ["-m", "ops.topology"],
        "docker-compose.yml as plain processes, and one job through all of it",
    ),
    "bench": (EVERYTHING, ["-m", "bench"], "measure one worker, beside a direct call; --quick, --only, --write"),
    "bench scaling": (EVERYTHING, ["-m", "bench.scaling"], "measure fleets, and the limit of one Redis"),
    "bench gateway": (EVERYTHING, ["-m", "bench.gateway"], "measure the gateway beside the SDK"),
    "bench regression": (
        EVERYTHING,
        ["-m", "bench.regression"],
        "a minute of ratios, beside the last recorded run; --write",
    ),
    "bench extraction": (EVERYTHING, ["-m", "bench.extraction"], "measure how often an extraction is valid"),
    "chaos": (
        EVERYTHING,
        ["-m", "tests.chaos"],
        "kill parts of a fleet at random, and count what was lost; --seconds, --seed",
    ),
    "docs build": (EVERYTHING, ["-m", "mkdocs", "build", "--strict"], "the site of docs/, into site/"),
    "docs serve": (EVERYTHING, ["-m", "mkdocs", "serve", "--strict"], "the same in a browser, anew at each change"),
    "lock": ((), ["requirements/lock.py"], "write requirements/ from pyproject.toml; --upgrade: newest versions"),
}
TAKES_NO_ARGUMENTS = ("lint", "generate", "model")
LINTERS = ("ruff check", "ruff format --check", "mypy", "lint-imports", "python -m codegen --check")


def main(argv: list[str]) -> int:
    """Runs the command that `argv` names, and returns its exit code if the process is not replaced."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_format_usage())
        return 0
    if argv[0] in ("-V", "--version", "version"):
        print(f"llamaq {release.read_version()}, Python {sys.version.split()[0]}")
        return 0
    command, args = _split(argv)
    if command not in COMMANDS:
        longer = [name for name in COMMANDS if name.startswith(f"{command} ")]
        near = longer or difflib.get_close_matches(command, COMMANDS, 1)
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        print(f"run.py: there is no command {command!r}{hint}\n\n{_format_usage()}", file=sys.stderr)
        return 2
    # SIGTERM is handled as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(command, args)
    except KeyboardInterrupt:
        say("stopped; the same command takes up from here", before="\n")
        return 130
    except SetupError as error:
        say(str(error))
    except OSError as error:
        needs = f"writes .venv and .llamaq in {ROOT}: {error.strerror}: {error.filename}; use a checkout that is yours"
        say(describe_full_disk() if error.errno == errno.ENOSPC else needs)
    return 1


def _split(argv: list[str]) -> tuple[str, list[str]]:
    """The command, of as many words as there are in its name, and its arguments."""
    two = " ".join(argv[:2])
    known = two in COMMANDS or (argv[0] not in COMMANDS and difflib.get_close_matches(two, COMMANDS, 1, 0.9))
    return (two, argv[2:]) if known else (argv[0], argv[1:])


def _run(command: str, args: list[str]) -> int:
    if args and command in TAKES_NO_ARGUMENTS:
        hint = f"; did you mean `run.py llamaq {command} ...`?" if command == "generate" else ""
        raise SetupError(f"`{command}` takes no arguments{hint}")
    needs = COMMANDS[command][0]
    if needs is not None:
        set_up(needs)
    if command == "lint":
        return lint()
    code = 0
    if command == "test" and "--all" in args:
        args.remove("--all")
        code = subprocess.call([PYTHON, "-m", "tests.programs"], cwd=ROOT, env=environment())
    return code or _become(command, args)


def _format_usage() -> str:
    rows = "\n".join(f"  {name:18}{text}" for name, (_, _, text) in COMMANDS.items())
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
    needs, program, _ = COMMANDS[command]
    if command != "llamaq":  # its arguments may be files in the user's directory
        os.chdir(ROOT)
    python = sys.executable if needs is None else PYTHON
    os.execve(python, [python, *program, *args], environment())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
