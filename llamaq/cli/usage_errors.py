"""What to do about an option or a command that does not exist: one error, whatever click's version says."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from llamaq.vocabulary.options import Options
from llamaq.vocabulary.problems import find_closest, find_option

_ALIKE = 0.65
_OTHER_COMMANDS = {
    "run": "generate or chat",
    "ask": "generate",
    "submit": "generate",
    "complete": "generate",
    "list": "models (or jobs)",
    "ls": "models (or jobs)",
    "show": "models",
    "ps": "models for what is loaded, queue for what runs and waits",
    "stop": "unload for a model, cancel for a job",
    "rm": "delete for a job; `ollama rm` for a model",
    "logs": "follow",
    "log": "follow",
    "tail": "follow",
    "get": "result",
    "kill": "cancel",
    "abort": "cancel",
    "serve": "none: workers are started by `python3 run.py worker`",
}
"""What Ollama, Docker and others call a command."""
_OTHER_OPTIONS = {
    "stream": "an answer is printed as it comes; --json prints its events",
    "no_stream": "--detach prints the job's id alone; `result` the whole answer",
    "timeout": "--deadline limits the running time, --start-within the wait before it",
    "ttl": "--start-within limits the wait before the start",
    "url": "did you mean --redis-url?",
    "image": "images are arguments of `describe`, without a name before them",
    "images": "images are arguments of `describe`, without a name before them",
}


@contextmanager
def explain_usage_errors(command: click.Command, ctx: click.Context, args: Sequence[str]) -> Iterator[None]:
    """Say what was probably meant, where click refuses the options of a command."""
    try:
        yield
    except click.NoSuchOption as unknown:
        hint = _hint(unknown.option_name.lstrip("-").replace("-", "_"), command)
        raise click.UsageError(f"No such option '{unknown.option_name}'{hint}", ctx) from None
    except click.UsageError:
        level = next((word for before, word in itertools.pairwise(args) if before == "--think"), "")
        if level in ("low", "medium", "high", "max", "true", "false"):
            raise click.UsageError(f"write --think={level}: without = the next word is an argument", ctx) from None
        if command.name in ("pause", "resume", "drain") and args and not args[0].startswith("-"):
            raise click.UsageError(f"say what {args[0]!r} is: --host {args[0]} or --model {args[0]}", ctx) from None
        raise


def no_such_command(name: str, names: Sequence[str], *, alone: bool) -> str:
    """The message for a command that does not exist among `names`; `alone` is one without a group before it."""
    other = _OTHER_COMMANDS.get(name.lower()) if alone else None
    if other:
        return f"No such command {name!r}; here it is {other}"
    near = find_closest(name, names, _ALIKE)
    return f"No such command {name!r}" + (f"; did you mean {near}?" if near else "; --help lists them")


def _hint(name: str, command: click.Command) -> str:
    words = [word for one in command.params for word in one.opts if word.startswith("--")]
    options = {word.lstrip("-").replace("-", "_"): word for word in words}
    asks = "option" in options
    if name not in Options.model_fields and name in _OTHER_OPTIONS:
        return f"; {_OTHER_OPTIONS[name]}"
    arguments = [str(one.name) for one in command.params if isinstance(one, click.Argument)]
    near = find_closest(name, [*options, *arguments, *(Options.model_fields if asks else ())], _ALIKE)
    if near in options:
        return f"; did you mean {options[near]}?"
    if near in arguments:
        return f"; {near.upper()} is an argument, without a name before it"
    option = find_option(name) if asks else None
    return f"; it is one of Ollama's options: -o {option}=..." if option else "; --help lists them"
