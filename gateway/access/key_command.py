"""`run.py gateway key add NAME`: makes a key, writes its SHA-256 into the file of keys, and shows the key once."""

import argparse
import fcntl
import os
import secrets
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.access.caller import Caller
from gateway.access.keys_file import HEAD, Entry, WrongKeysFile, hash_key, parse_entries, read_entries, render_line
from llamaq.invocation import command_line
from llamaq.settings.lists import parse_list
from llamaq.settings.numerals import parse_whole
from llamaq.vocabulary.kinds.request import LANES

PREFIX = "llq_"
_BYTES = 32


def main(arguments: Sequence[str], path: str) -> int:
    """Run the command on the file of keys; the exit code is 0, or 1 when something is wrong."""
    given = _build_parser().parse_args(arguments)
    if not path:
        sys.stderr.write("LLAMAQ_GATEWAY_KEYS_FILE is not set: it names the file that the key is written to\n")
        return 1
    try:
        if given.command == "add":
            key = PREFIX + secrets.token_urlsafe(_BYTES)
            added = render_line(Entry(hash_key(key), _build_caller(given)))
            _update_file(Path(path), lambda text: _add_line(text, added))
            sys.stdout.write(f"{key}\n")
            sys.stderr.write(f"this is shown once; {path} has its SHA-256\n")
        elif given.command == "list":
            sys.stdout.write(_render_table(read_entries(Path(path))))
        else:
            _update_file(Path(path), lambda text: _remove_line(text, given.name))
    except (WrongKeysFile, OSError) as error:
        sys.stderr.write(f"{path}: {getattr(error, 'strerror', None) or error}\n")
        return 1
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=command_line("gateway key"))
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make a key, and show it once")
    add.add_argument("name", help="of the key: whose it is; logs and metrics show it")
    add.add_argument("--tenant", help="whose jobs it submits, sees and cancels; by default its name")
    add.add_argument("--lane", choices=LANES, default=LANES[0], help="the highest lane that it may ask for")
    add.add_argument("--waiting", type=parse_whole, help="jobs of the tenant that may wait")
    add.add_argument("--rate", type=parse_whole, help="requests a minute, over all processes")
    add.add_argument("--models", type=_parse_patterns, help="patterns of the models that it may use: llama3.2,qwen3:*")
    add.add_argument("--admin", action="store_true", help="sees and cancels the jobs of all tenants")
    commands.add_parser("list", help="who has a key, and what each one may")
    commands.add_parser("remove", help="the key is refused from now on").add_argument("name")
    return parser


def _build_caller(given: argparse.Namespace) -> Caller:
    return Caller(
        name=given.name,
        tenant=given.tenant or given.name,
        highest_lane=given.lane,
        most_waiting=given.waiting,
        requests_a_minute=given.rate,
        models=() if given.models is None else tuple(given.models),
        admin=given.admin,
    )


def _add_line(text: str, added: str) -> str:
    text = text or HEAD
    if (name := added.split(maxsplit=1)[0]) in {entry.caller.name for entry in parse_entries(text)}:
        remedy = f"take another name, or remove that one first: {command_line('gateway key')} remove {name}"
        raise WrongKeysFile(f"there is a key {name!r} already: {remedy}")
    return (text if text.endswith("\n") else f"{text}\n") + added


def _remove_line(text: str, name: str) -> str:
    kept = [one for one in text.splitlines(keepends=True) if one.split()[:1] != [name]]
    if len(kept) == len(text.splitlines()):
        there_are = ", ".join(entry.caller.name for entry in parse_entries(text)) or "none"
        raise WrongKeysFile(f"there is no key {name!r}; there are: {there_are}")
    return "".join(kept)


def _parse_patterns(text: str) -> list[str]:
    try:
        found = parse_list(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not found:  # as of a variable that is not set: no pattern would be no limit
        raise argparse.ArgumentTypeError("name a pattern, or leave it out for all models")
    return found


def _render_table(entries: Sequence[Entry]) -> str:
    """Render a line for each key, with the columns of the file but the digest."""
    rows = [one.strip("# \n").split("  ") for one in (HEAD, *map(render_line, entries))]
    rows_without_digest = [[name, *others] for name, _, *others in rows]
    widths = [max(map(len, column)) for column in zip(*rows_without_digest, strict=True)]
    padded = (
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows_without_digest
    )
    return "".join(f"{one.rstrip()}\n" for one in padded)


def _update_file(path: Path, change: Callable[[str], str]) -> None:
    """Replace the file at once, so that no reader sees half of it, and after others that change it now.

    Raises:
        WrongKeysFile: a line would be wrong.
    """
    path = path.resolve()  # a link stays one
    if not path.parent.is_dir():
        raise WrongKeysFile(f"make its folder first: mkdir -p {shlex.quote(str(path.parent))}")
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = path.read_text("utf-8") if path.exists() else ""
        text = change(old)
        parse_entries(text)
        fresh = path.with_name(f"{path.name}.new")
        fresh.touch(mode=0o600)
        if old or path.exists():
            fresh.chmod(path.stat().st_mode)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
