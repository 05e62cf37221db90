"""The commands for host jobs: pull, unload and load."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from llamaq.cli.commands.follow import follow, print_or_follow
from llamaq.cli.exit_codes import Ended, code_of
from llamaq.cli.input.request import keep_alive_option, options_option
from llamaq.cli.session import Session
from llamaq.cli.verb import Verb
from llamaq.client.blocking.job import Job
from llamaq.vocabulary.errors import JobError
from llamaq.vocabulary.fields import LoadFields, OptionsDict

_HOST = click.option("--host", metavar="HOST", help="On which host; see `llamaq models`.")
_DETACH = click.option("--detach", is_flag=True, help="Submit, print the job's id, and do not wait.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the events, one JSON object per line.")


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq pull llama3.2
  llamaq pull qwen3:8b --host gpu-1""",
)
@click.argument("model")
@_HOST
@_DETACH
@_JSON
@click.pass_obj
def pull(session: Session, /, model: str, host: str | None, *, detach: bool, as_json: bool) -> None:
    """Pull MODEL onto the disk of a host: the one named, or any.

    Its worker must list the model in LLAMAQ_PULL_ALLOWED. A pull that was cancelled goes on where it stopped.
    """
    job = session.queue.pull(model, host=host)
    print_or_follow(session, job, "pull", detach=detach, as_json=as_json)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq unload llama3.2
  llamaq unload llama3.2 --host gpu-1""",
)
@click.argument("model")
@_HOST
@_DETACH
@_JSON
@click.pass_obj
def unload(session: Session, /, model: str, host: str | None, *, detach: bool, as_json: bool) -> None:
    """Take MODEL out of memory: on the host named, or on every one that has it. What is being answered ends first."""
    _follow_on_hosts(session, "unload", lambda: session.queue.unload(model, host=host), detach=detach, as_json=as_json)


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  llamaq load llama3.2 --keep-alive 1h
  llamaq load llama3.2 --host gpu-1 --option num_ctx=8192""",
)
@click.argument("model")
@_HOST
@keep_alive_option
@options_option
@_DETACH
@_JSON
@click.pass_obj
def load(
    session: Session,
    /,
    model: str,
    host: str | None,
    keep_alive: str | float | None,
    options: OptionsDict | None,
    *,
    detach: bool,
    as_json: bool,
) -> None:
    """Load MODEL into memory ahead of its first job: on the host named, or on every one that has it."""
    fields: LoadFields = {}
    if options is not None:
        fields["options"] = options
    if keep_alive is not None:
        fields["keep_alive"] = keep_alive
    _follow_on_hosts(
        session, "load", lambda: session.queue.load(model, host=host, **fields), detach=detach, as_json=as_json
    )


def _follow_on_hosts(
    session: Session, kind: str, submit: Callable[[], Sequence[Job[Any]]], *, detach: bool, as_json: bool
) -> None:
    failed: JobError | None = None
    with session.explain_refusals():
        jobs = submit()
    for job in jobs:
        if detach:
            session.screen.write_line(job.id)
            continue
        try:
            follow(session, job, kind, as_json=as_json)
        except JobError as error:  # the jobs of the other hosts follow
            failed = error
            session.explain(error)
    if failed is not None:
        raise Ended(code_of(failed))
