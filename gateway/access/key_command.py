"""`run.py gateway key add NAME`: makes a key, writes its SHA-256 into the file of keys, and shows the key once."""

import argparse
import fcntl
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.access.caller import Caller
from gateway.access.keys_file import HEAD, Entry, WrongKeysFile, digest, line, parsed
from gateway.settings import listed
from llamaq.invocation import call
from llamaq.vocabulary.kinds.request import LANES

PREFIX = "llq_"
_BYTES = 32


def main(arguments: Sequence[str], path: str) -> int:
    """Run the command on the file of keys; the exit code is 0, or 1 when something is wrong."""
    given = _parser().parse_args(arguments)
    if not path:
        sys.stderr.write("LLAMAQ_GATEWAY_KEYS_FILE is not set: it names the file that the key is written to\n")
        return 1
    try:
        if given.command == "add":
            key = PREFIX + secrets.token_urlsafe(_BYTES)
            added = line(Entry(digest(key), _caller(given)))
            _change(Path(path), lambda text: _with(text, added))
            sys.stdout.write(f"{key}\n")
            sys.stderr.write(f"this is shown once; {path} has its SHA-256\n")
        else:
            _change(Path(path), lambda text: _without(text, given.name))
    except (WrongKeysFile, OSError) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=call("gateway key"))
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make a key, and show it once")
    add.add_argument("name", help="of the key: whose it is; logs and metrics show it")
    add.add_argument("--tenant", help="whose jobs it submits, sees and cancels; by default its name")
    add.add_argument("--lane", choices=LANES, default=LANES[0], help="the highest lane that it may ask for")
    add.add_argument("--waiting", type=int, help="jobs of the tenant that may wait")
    add.add_argument("--rate", type=int, help="requests a minute, over all processes")
    add.add_argument("--models", default="", help="patterns of the models that it may use: llama3.2,qwen3:*")
    add.add_argument("--admin", action="store_true", help="sees and cancels the jobs of all tenants")
    commands.add_parser("remove", help="the key is refused from now on").add_argument("name")
    return parser


def _caller(given: argparse.Namespace) -> Caller:
    return Caller(
        name=given.name,
        tenant=given.tenant or given.name,
        highest_lane=given.lane,
        most_waiting=given.waiting,
        requests_a_minute=given.rate,
        models=listed(given.models),
        admin=given.admin,
    )


def _with(text: str, added: str) -> str:
    text = text or HEAD
    return (text if text.endswith("\n") else f"{text}\n") + added


def _without(text: str, name: str) -> str:
    kept = [one for one in text.splitlines(keepends=True) if one.split()[:1] != [name]]
    if len(kept) == len(text.splitlines()):
        raise WrongKeysFile(f"there is no key {name!r}")
    return "".join(kept)


def _change(path: Path, change: Callable[[str], str]) -> None:
    """Replace the file at once, so that no reader sees half of it, and after others that change it now.

    Raises:
        WrongKeysFile: a line would be wrong.
    """
    path = path.resolve()  # a link stays one
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = path.read_text("utf-8") if path.exists() else ""
        text = change(old)
        parsed(text)
        fresh = path.with_name(f"{path.name}.new")
        fresh.touch(mode=0o600)
        if old or path.exists():
            fresh.chmod(path.stat().st_mode)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
