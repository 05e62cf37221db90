"""The group of all commands, and the entry point."""

import sys
from collections.abc import Sequence

import click

from llamaq import __version__
from llamaq.cli import exit_codes
from llamaq.cli.commands import ask, attach, batch, chat, conversations, host_jobs, listing, replay
from llamaq.cli.operators import fleet, jobs, top
from llamaq.cli.terminal.streams import ignore_write_errors, open_closed_streams
from llamaq.cli.verb import Verbs


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"""\b
Examples:
  llamaq generate llama3.2 "Explain entanglement"
  llamaq chat llama3.2
  llamaq describe llava:7b photo.jpg "What is it?"
  llamaq extract llama3.2 "Dune, 1965" --schema book.json
  llamaq batch requests.jsonl results.jsonl
  llamaq models

{exit_codes.HELP}
The answer goes to stdout, everything else to stderr.""",
)
@click.version_option(__version__, prog_name="llamaq", message="%(prog)s %(version)s")
def app() -> None:
    """A job queue in front of Ollama: enqueue, watch the tokens arrive, cancel, never lose one."""


for command in (
    ask.generate,
    chat.chat,
    conversations.conversation,
    ask.describe,
    ask.extract,
    ask.embed,
    batch.batch,
    host_jobs.pull,
    host_jobs.unload,
    host_jobs.load,
    attach.follow,
    attach.result,
    attach.status,
    attach.cancel,
    attach.delete,
    listing.models,
    listing.hosts,
    fleet.workers,
    fleet.queue,
    top.top,
    fleet.pause,
    fleet.resume,
    fleet.drain,
    jobs.jobs,
    replay.replay,
    replay.dead,
):
    app.add_command(command)


def main(args: Sequence[str] | None = None, program: str = "llamaq") -> int:
    """Run the command line, and return its exit code.

    Args:
        args: the words behind `llamaq`; by default those of the process.
        program: the words that start it here, for commands that are printed to be copied.
    """
    open_closed_streams()
    try:
        # A command that succeeds returns None, and one that calls ctx.exit() its code.
        return int(app.main(args, prog_name=program, standalone_mode=False) or 0)
    except click.ClickException as error:
        with ignore_write_errors(sys.stderr):
            error.show()
        return error.exit_code
    except click.Abort:
        return exit_codes.DETACHED
