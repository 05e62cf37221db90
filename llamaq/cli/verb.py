"""The kinds of command that `llamaq` is made of, and how an error becomes an exit code."""

import os
import sys
from typing import Any

import click

from llamaq.cli import exits
from llamaq.cli.exits import Ended
from llamaq.cli.program import program
from llamaq.cli.session import Session, prefix_option, url_option
from llamaq.cli.terminal.interrupts import deafen
from llamaq.vocabulary.errors import LlamaqError


class Verb(click.Command):
    """A command that takes the connection's options as well, so that they may stand at either place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [url_option(), prefix_option()]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but `--think` needs no value, and never takes the next word for one: as Ollama has it."""
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, ["--think=true" if a == "--think" else a for a in args[:end]] + args[end:])


class Verbs(click.Group):
    """The group of all commands: the one place where errors end."""

    command_class = Verb

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [url_option(), prefix_option()]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order in which one meets them, not by their letters."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever ends it early becomes a few lines on stderr and an exit code."""
        session = ctx.ensure_object(Session)
        try:
            return super().invoke(ctx)
        except Ended as ended:
            ctx.exit(ended.code)
        except LlamaqError as error:
            for line in exits.explain(error):
                session.screen.note(line)
            ctx.exit(exits.code_of(error))
        except BrokenPipeError:
            _forget_stdout()
            ctx.exit(exits.BROKEN_PIPE)
        except OSError as error:  # a full disk below stdout, say: Redis' own are translated by the SDK
            _forget_stdout()
            session.screen.note(f"Error: {error}")
            ctx.exit(exits.FAILED)
        except KeyboardInterrupt:
            deafen()
            session.screen.note(f"interrupted; `{program()} jobs` shows whether the job was queued already")
            ctx.exit(exits.DETACHED)
        finally:
            session.close()


def _forget_stdout() -> None:
    # The reader has gone (`| head`): what is still buffered must not raise once more at the interpreter's end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
