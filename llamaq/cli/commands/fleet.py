"""The commands of operators: pause, resume and drain."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from llamaq.cli.session import Session
from llamaq.cli.verb import Verb

F = TypeVar("F", bound=Callable[..., Any])


def _what(command: F) -> F:
    """Add the options that name a host or a model."""
    command = click.option("--model", metavar="MODEL", help="This model, on all hosts.")(command)
    return click.option("--host", metavar="HOST", help="This host; see `llamaq hosts`.")(command)


def _named(host: str | None, model: str | None) -> str:
    if (host is None) == (model is None):
        raise click.UsageError("give either --host or --model")
    return f"host {host}" if model is None else f"model {model}"


@click.command(cls=Verb, epilog="\b\nExamples:\n  llamaq pause --host gpu-1\n  llamaq pause --model llama3.2")
@_what
@click.pass_obj
def pause(session: Session, host: str | None, model: str | None) -> None:
    """Give a host, or a model, no new jobs. They wait; what runs ends.

    It holds until `llamaq resume`, also when workers are started anew. Pulls, loads and unloads still run on the host.
    """
    named = _named(host, model)
    session.queue.pause(host=host, model=model)
    session.screen.line(f"{named} paused")


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq drain --host gpu-1 && llamaq workers")
@_what
@click.pass_obj
def drain(session: Session, host: str | None, model: str | None) -> None:
    """As pause, and pulls, loads and unloads wait too: for a host that is to be shut down.

    `llamaq workers` shows how many slots are still used. `llamaq resume` ends it.
    """
    named = _named(host, model)
    session.queue.drain(host=host, model=model)
    session.screen.line(f"{named} draining")


@click.command(cls=Verb, epilog="\b\nExample:\n  llamaq resume --host gpu-1")
@_what
@click.pass_obj
def resume(session: Session, host: str | None, model: str | None) -> None:
    """End a pause or a drain. Jobs that wait are assigned at once."""
    named = _named(host, model)
    session.queue.resume(host=host, model=model)
    session.screen.line(f"{named} gets jobs again")
