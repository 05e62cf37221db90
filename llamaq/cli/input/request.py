"""The options that all kinds of request have, and their fields."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeVar, get_args

import click

from llamaq.cli.input.json_input import parse_json
from llamaq.cli.input.moments import parse_future
from llamaq.cli.input.numbers import Number
from llamaq.vocabulary.kinds.chat import WhenBusy
from llamaq.vocabulary.kinds.request import LANES
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.problems import find_option

F = TypeVar("F", bound=Callable[..., Any])
_THINK: dict[str, bool | str] = {"true": True, "false": False, "low": "low", "medium": "medium", "high": "high"}


def _parse_pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, str]]:
    for value in values:
        if not value.partition("=")[0] or "=" not in value:
            raise click.BadParameter(f"{value!r} is not of the form name=value", ctx, param)
    return [(name, text) for name, _, text in (value.partition("=") for value in values)]


def _parse_metadata(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    return dict(_parse_pairs(ctx, param, values)) or None


def _parse_options(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any] | None:
    options: dict[str, Any] = {}
    for name, text in _parse_pairs(ctx, param, values):
        if name not in Options.model_fields:
            near = find_option(name)
            hint = f"did you mean {near}?" if near else f"there are: {', '.join(Options.model_fields)}"
            raise click.BadParameter(f"Ollama has no option {name!r}; {hint}", ctx, param)
        if name == "stop":
            options.setdefault(name, []).append(text)
        else:
            options[name] = _parse_value(text)
    return options or None


def _parse_value(text: str) -> Any:
    """Parse a number or a truth value where the text is one. The request model checks its type."""
    try:
        return parse_json(text)
    except ValueError:
        return text


def _parse_think(_ctx: click.Context, _param: click.Parameter, value: str | None) -> bool | str | None:
    return None if value is None else _THINK[value]


def _parse_keep_alive(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Any:
    return None if value is None else _parse_value(value)


options_option = click.option(
    "-o",
    "--option",
    "options",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_parse_options,
    help="One of Ollama's options, such as num_ctx=4096; repeatable.",
)
keep_alive_option = click.option(
    "--keep-alive", metavar="TIME", callback=_parse_keep_alive, help="How long the model stays loaded: 10m, or seconds."
)
WHEN_BUSY = click.option(
    "--when-busy",
    type=click.Choice(get_args(WhenBusy)),
    help="What becomes of a turn that runs: wait for it, refuse this one, keep what it said, or drop it.",
)
_SHARED: tuple[Callable[[Any], Any], ...] = (
    click.option("--priority", type=click.Choice(LANES), help="The lane it waits in; the default is normal."),
    click.option("--tenant", metavar="NAME", help="On whose behalf; tenants share the hosts fairly."),
    options_option,
    click.option(
        "--think",
        type=click.Choice([*_THINK]),
        metavar="[=LEVEL]",
        callback=_parse_think,
        help="Let the model think first: --think, --think=false, --think=low|medium|high. Its thoughts go to stderr.",
    ),
    keep_alive_option,
    click.option(
        "--start-after",
        callback=parse_future,
        metavar="TIME",
        help="Do not start before: 90s, 10min, 2h, or 2026-11-28T14:05.",
    ),
    click.option("--start-within", type=Number(), metavar="S", help="Expire when not started within S seconds."),
    click.option(
        "--first-token-within", type=Number(), metavar="S", help="Fail without a first token after S seconds (600)."
    ),
    click.option("--stall-after", type=Number(), metavar="S", help="Fail after S seconds of silence (60)."),
    click.option("--deadline", type=Number(), metavar="S", help="Fail after S seconds of running (900)."),
    click.option(
        "--idempotency-key", metavar="KEY", help="The same key is the same job: attach to it if it is there already."
    ),
    click.option(
        "--metadata",
        metavar="K=V",
        multiple=True,
        callback=_parse_metadata,
        help="Strings kept with the job; repeatable.",
    ),
    click.option("--wait-for-model", is_flag=True, default=None, help="Queue it even if no host has the model (yet)."),
    click.option("--detach", is_flag=True, help="Submit, print the job's id, and do not wait."),
    click.option("--json", "as_json", is_flag=True, help="Print the events, one JSON object per line."),
)


def request_options(command: F) -> F:
    """Give a command the options of `_SHARED`."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def given_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given; the SDK has the defaults of the others."""
    return {name: value for name, value in given.items() if value is not None}


def read_text(word: str) -> str:
    """Read the text of an argument; for `-`, that of stdin.

    Raises:
        click.UsageError: stdin is not UTF-8.
    """
    if word != "-":
        return word
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"stdin is not UTF-8 text: {error}") from error


def read_lines(file: BinaryIO | None) -> list[str]:
    """Read the lines of a file; none without one. An empty line stays, so that numbers of lines and answers agree.

    Raises:
        click.UsageError: the file is not UTF-8.
    """
    try:
        text = file.read().decode("utf-8-sig") if file else ""
    except UnicodeDecodeError as error:
        raise click.UsageError(f"--lines is not UTF-8 text: {error}") from error
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
