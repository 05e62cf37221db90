"""The classes of the commands of `llamaq`, and the exit codes of errors."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.exceptions import Exit

from llamaq.cli import exit_codes
from llamaq.cli.exit_codes import Ended
from llamaq.cli.program import program
from llamaq.cli.session import Session, prefix_option, url_option
from llamaq.cli.terminal.interrupts import ignore_interrupts
from llamaq.cli.terminal.streams import discard, ignore_write_errors
from llamaq.cli.usage_errors import explain_usage_errors, no_such_command
from llamaq.vocabulary.errors import LlamaqError


class _ShortHelp(click.Command):
    """A command whose line in a list is whole: its first sentence, or as many of its parts as there is room for."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """The line, of at most `limit` characters where the beginning of the sentence is so short."""
        sentence = super().get_short_help_str(10_000).removesuffix(".")
        if len(sentence) <= limit:
            return sentence
        main = re.split(r"[:;] ", sentence, maxsplit=1)[0]
        return main if len(main) <= limit else main.split(", ")[0]


class Verb(_ShortHelp):
    """A command with the options of the connection, which may be before or behind its name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [url_option(), prefix_option()]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but `--think` without `=` never takes the next word as its value, as in Ollama."""
        end = args.index("--") if "--" in args else len(args)
        with explain_usage_errors(self, ctx, args[:end]):
            return super().parse_args(ctx, ["--think=true" if a == "--think" else a for a in args[:end]] + args[end:])


class Group(_ShortHelp, click.Group):
    """A group that lists its commands in the order of the source, and says what a misspelt one means."""

    command_class = Verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with what was probably meant by an option that does not exist."""
        with explain_usage_errors(self, ctx, ()):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with what was probably meant by a command that does not exist."""
        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(no_such_command(args[0], self.list_commands(ctx), alone=ctx.parent is None))
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order in which they were added."""
        return list(self.commands)


class Verbs(Group):
    """The group of all commands, which turns their errors into notes and exit codes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [url_option(), prefix_option()]

    def make_context(self, *given: Any, **more: Any) -> click.Context:
        """As click does, which writes `--help` and `--version` here."""
        with _translate_write_errors():
            return super().make_context(*given, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An error becomes a few lines on stderr and an exit code."""
        session = ctx.ensure_object(Session)
        try:
            with _translate_write_errors():
                return super().invoke(ctx)
        except Ended as ended:
            ctx.exit(ended.code)
        except LlamaqError as error:
            session.explain(error)
            ctx.exit(exit_codes.code_of(error))
        except KeyboardInterrupt:
            ignore_interrupts()
            session.screen.note(f"interrupted; `{program()} jobs` shows whether the job was queued already")
            ctx.exit(exit_codes.DETACHED)
        finally:
            session.close()


@contextmanager
def _translate_write_errors() -> Iterator[None]:
    """A block that writes to stdout, which may fail (a full disk). The SDK translates the errors of Redis."""
    try:
        yield
    except BrokenPipeError:
        discard(sys.stdout)
        raise Exit(exit_codes.BROKEN_PIPE) from None
    except OSError as error:
        discard(sys.stdout)
        with ignore_write_errors(sys.stderr):
            click.echo(f"Error: {error}", err=True)
        raise Exit(exit_codes.FAILED) from None
