"""The command chat: one turn, or a dialogue at the terminal."""

import sys
from typing import Any

import click

from llamaq.cli.commands.dialogue import Dialogue, History, KeptHistory, LocalHistory
from llamaq.cli.commands.follow import print_or_follow
from llamaq.cli.input.request import WHEN_BUSY, given_fields, read_text, request_options
from llamaq.cli.session import Session
from llamaq.cli.verb import Verb
from llamaq.store.clock import SYSTEM

_ONE_TURN_ONLY = ("as_json", "detach", "idempotency_key")


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq chat llama3.2                               (a conversation; Ctrl-D ends it)
  llamaq chat llama3.2 --system "You are a pirate"
  llamaq chat llama3.2 "And which is the easiest?" --conversation user-17
  echo "Why is the sky blue?" | llamaq chat llama3.2 -""",
)
@click.argument("model")
@click.argument("message", required=False)
@click.option(
    "--conversation", metavar="NAME", help="Continue a conversation that the queue keeps, or begin one of that name."
)
@WHEN_BUSY
@click.option("--system", metavar="TEXT", help="What the model is told beforehand; nothing is kept in the queue.")
@click.option("--format", type=click.Choice(["json"]), help="Make the model answer with JSON.")
@request_options
@click.pass_obj
def chat(
    session: Session,
    /,
    model: str,
    message: str | None,
    conversation: str | None,
    system: str | None,
    *,
    detach: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Answer MESSAGE. Without one, on a terminal: a conversation, a turn per line. MESSAGE - reads stdin.

    A conversation without a name gets a new one, which is shown at the end, so that it can be continued.
    """
    if conversation is not None and system is not None:
        raise click.UsageError("--conversation and --system exclude each other: a kept conversation has its own turns")
    if message is None and sys.stdin.isatty():
        _refuse_for_dialogue(given | {"detach": detach or None, "as_json": as_json or None})
        history: History = LocalHistory(system) if system is not None else KeptHistory(conversation or SYSTEM.uuid())
        Dialogue(session, model, history, given_fields(given)).run()
        return
    turns: History = LocalHistory(system) if conversation is None else KeptHistory(conversation)
    asked = turns.add_question(read_text("-" if message is None else message))
    job = session.queue.chat(model, **asked, **given_fields(given))
    print_or_follow(session, job, "chat", detach=detach, as_json=as_json)


def _refuse_for_dialogue(given: dict[str, Any]) -> None:
    for name in _ONE_TURN_ONLY:
        if given.get(name) is not None:
            flag = "--json" if name == "as_json" else f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{flag} needs a MESSAGE: it is about one turn")
