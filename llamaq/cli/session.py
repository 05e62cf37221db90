"""The session: the queue and the screen of one run of the command line."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import click

from llamaq.cli import exit_codes
from llamaq.cli.program import program
from llamaq.cli.terminal.screen import Screen
from llamaq.client.blocking.job import Job
from llamaq.client.blocking.queue import JobQueue
from llamaq.settings import environment
from llamaq.store.keys import Keys
from llamaq.vocabulary.errors import InvalidRequest, LlamaqError, UnknownModel

MOST_NAMED = 20
"""Hosts that an error names."""


class Session:
    """The queue and the screen. Options override the environment until the queue is first used.

    Attributes:
        url: of `--redis-url`, if given.
        prefix: of `--prefix`, if given.
    """

    def __init__(self) -> None:
        self.url: str | None = None
        self.prefix: str | None = None

    @cached_property
    def screen(self) -> Screen:
        """Stdout and stderr."""
        return Screen()

    @cached_property
    def queue(self) -> JobQueue:
        """The queue. It connects with its first verb.

        Raises:
            InvalidRequest: a variable of the environment is wrong.
            click.UsageError: `--redis-url` cannot be one of a Redis.
        """
        url, settings = environment.read()
        for remark in environment.unknown_variable_remarks():
            self.screen.note(remark)
        if self.prefix is not None:
            settings = replace(settings, keys=Keys(self.prefix))
        if self.url is not None:
            settings = replace(settings, redis_names=settings.redis_names._replace(url="--redis-url", or_file=""))
        try:
            return JobQueue(url if self.url is None else self.url, settings=settings)
        except InvalidRequest as error:
            raise click.UsageError(f"--redis-url: {error.problems[0].message}") from error

    def job(self, job_id: str) -> Job[Any]:
        """A job of the queue."""
        return self.queue.job(job_id)

    def follow_command(self, job_id: str, cursor: str | None) -> str:
        """The command that follows the job behind the cursor, with the same options but no password."""
        words = [*shlex.split(program()), "follow", job_id]
        words += ["--after", cursor] if cursor else []
        words += ["--redis-url", self.url] if self.url and not urlsplit(self.url).password else []
        words += ["--prefix", self.prefix] if self.prefix else []
        return shlex.join(words)

    def explain(self, error: LlamaqError) -> None:
        """Write notes on an error to stderr."""
        for line in exit_codes.explain(error):
            self.screen.note(line)

    @contextmanager
    def explain_refusals(self) -> Iterator[None]:
        """Explain refusals of a verb on a host or a model; names what there is, where one is unknown.

        The usual advice, to wait for a model or to pull it, does not fit there.
        """
        try:
            yield
        except UnknownModel as unknown:
            near = f"; did you mean {', '.join(unknown.near)}?" if unknown.near else ""
            self.screen.note(f"Error: no host offers the model {unknown.model!r}{near}")
            self.screen.note(f"  `{program()} models` lists what there is")
            raise exit_codes.Ended(exit_codes.UNAVAILABLE) from unknown
        except InvalidRequest as refused:
            self.explain(refused)
            if [problem.field for problem in refused.problems] == ["host"] and (hosts := self.queue.hosts()):
                self.screen.note(f"  the hosts are {', '.join(host.host for host in hosts[:MOST_NAMED])}")
            raise exit_codes.Ended(exit_codes.USAGE) from refused

    def close(self) -> None:
        """Close the connections, if there are any."""
        if "queue" in self.__dict__:
            self.queue.close()


def url_option() -> click.Option:
    """The option `--redis-url`."""
    return _connection_option("url", "--redis-url", "URL", "Redis of the queue; overrides LLAMAQ_REDIS_URL.")


def prefix_option() -> click.Option:
    """The option `--prefix`."""
    return _connection_option(
        "prefix", "--prefix", "NAME", "First part of every key in Redis; overrides LLAMAQ_PREFIX."
    )


def _connection_option(name: str, flag: str, metavar: str, text: str) -> click.Option:
    def keep(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        session = ctx.ensure_object(Session)
        if value is not None:
            setattr(session, name, value)

    return click.Option([flag], metavar=metavar, help=text, expose_value=False, callback=keep)
