"""The commands replay and dead: submit a job again, and list, put back or delete dead letters."""

from typing import Any

import click

from llamaq.cli import exit_codes
from llamaq.cli.commands.follow import follow as follow_job
from llamaq.cli.exit_codes import Ended
from llamaq.cli.input.job_filter import limited
from llamaq.cli.input.json_input import parse_json
from llamaq.cli.session import Session
from llamaq.cli.terminal import tables
from llamaq.cli.terminal.tables import Column, Sheet
from llamaq.cli.verb import Verb
from llamaq.client.dead_letters import DeadLetter
from llamaq.client.request_changes import check_changes
from llamaq.vocabulary.wire import wire_object

_LETTERS = (Column("Id"), Column("Source"), Column("Kind"), Column("Job", spare=True), Column("Reason", folds=True))


def _parse_changes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{value!r} is not FIELD=VALUE", ctx, param)
        try:
            changes[name] = parse_json(text)
        except ValueError:  # a word without JSON's quotes
            changes[name] = text
    return changes


change_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    callback=_parse_changes,
    help="Replace a field of the request, or one within (options.seed): JSON, or else a text; null takes it out.",
)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq replay 5f0c...
  llamaq replay 5f0c... --set model=llama3.2:3b --set options.num_ctx=8192""",
)
@click.argument("job")
@change_option
@click.option("--detach", is_flag=True, help="Print the new job's id and return.")
@click.option("--json", "as_json", is_flag=True, help="Print the events, one JSON object per line.")
@click.pass_obj
def replay(session: Session, job: str, changes: dict[str, Any], *, detach: bool, as_json: bool) -> None:
    """Enqueue the request of JOB again, as a new job, and follow it. JOB stays as it is."""
    again = session.queue.replay(job, **check_changes(changes))
    if detach:
        session.screen.write_line(again.id)
    else:
        follow_job(session, again, again.status().kind, as_json=as_json, after=None)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq dead
  llamaq dead --put-back 1718000000000-0 --set model=llama3.2
  llamaq dead --discard 1718000000000-0
  llamaq dead --json | jq -r .message""",
)
@click.option("--put-back", metavar="ID", help="Enqueue it as a new job, mended by --set, and print the job's id.")
@click.option("--discard", multiple=True, metavar="ID", help="Delete it.")
@change_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with the message itself.")
@limited
@click.pass_obj
def dead(
    session: Session,
    put_back: str | None,
    discard: tuple[str, ...],
    changes: dict[str, Any],
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List what was set aside, the newest first: messages that could not become jobs, webhooks that nobody took."""
    if put_back is not None:
        session.screen.write_line(session.queue.put_back(_find_letter(session, put_back), **check_changes(changes)).id)
    for letter in discard:
        session.queue.discard(_find_letter(session, letter))
        session.screen.write_line(f"{letter} discarded")
    if put_back is None and not discard:
        _list(session, session.queue.dead(limit), as_json=as_json)


def _find_letter(session: Session, letter_id: str) -> DeadLetter:
    found = session.queue.dead_letter(letter_id)
    if found is None:
        session.screen.note(f"nothing is set aside under {letter_id}: see `llamaq dead`")
        raise Ended(exit_codes.NOT_FOUND)
    return found


def _list(session: Session, letters: list[DeadLetter], *, as_json: bool) -> None:
    if as_json:
        for letter in letters:
            session.screen.write_record(wire_object(letter))
        return
    rows = [[letter.id, letter.source, letter.kind, letter.job_id, letter.reason] for letter in letters]
    tables.write(session.screen, Sheet(_LETTERS, rows))
    if not letters:
        session.screen.note("nothing is set aside")
