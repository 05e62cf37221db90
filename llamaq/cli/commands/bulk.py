"""A run over many: what is left to do, a progress bar, each result as a line, and how it went."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from llamaq.cli.exits import DETACHED, FAILED, Ended
from llamaq.cli.input.jsonl import Entry, Input, Output
from llamaq.cli.session import Session
from llamaq.cli.terminal.interrupts import Interrupts, deafen
from llamaq.cli.terminal.screen import Screen
from llamaq.client.batches import BatchResult
from llamaq.vocabulary.wire import dumps

_MOST_NAMED = 3
"""Failed items that are named for each code."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What one command was asked for.

    Attributes:
        out: None is stdout.
        run: a name of the user's for the whole; another one does everything anew.
        ordered: whether results come in the order of the input.
        retry_failed: whether what failed in an earlier run is tried again.
    """

    entries: Input
    out: Path | None
    in_flight: int
    ordered: bool
    retry_failed: bool = False
    run: str = ""

    def go(self, session: Session) -> None:
        """Do it.

        Raises:
            Ended: something failed, or Ctrl-C; what there is to say is said.
            BrokerUnavailable: Redis did not answer. What was done is in the output.
        """
        total = self.entries.check()
        output = Output(self.out, session.screen.json_line)
        try:
            _Run(self, session, output, total).go()
        finally:
            output.close()


class _Run:
    def __init__(self, bulk: Bulk, session: Session, output: Output, total: int) -> None:
        self._bulk = bulk
        self._session = session
        self._output = output
        self._total = total
        self._retried = self._to_retry()
        self._keys: dict[str, str] = {}
        self._tally = Tally(self._keep(output.done.values()))
        self._standing = self._tally.failed

    def go(self) -> None:
        """Do what is left, and say how it went."""
        queue = self._session.queue
        results = queue.batch(self._items(), in_flight=self._bulk.in_flight, ordered=self._bulk.ordered)
        with Interrupts() as interrupts, Bar(self._session.screen, self._total, self._tally) as bar:
            try:
                self._write(results, interrupts, bar)
            except KeyboardInterrupt:
                deafen()
                bar.close()
                self._interrupted()
        self._tally.tell(self._session.screen)
        if self._standing:
            self._session.screen.note(
                f"{self._standing} failed in an earlier run, and stand; --retry-failed tries them again"
            )
        if self._tally.failed:
            raise Ended(FAILED)

    def _write(self, results: Generator[BatchResult, None, None], interrupts: Interrupts, bar: "Bar") -> None:
        try:
            for result in results:
                with interrupts.whole():
                    line = self._line(result)
                    with bar.aside() if self._bulk.out is None else nullcontext():
                        self._output.write(line)
                    self._tally.count(line)
                    bar.show()
        finally:
            results.close()

    def _line(self, result: BatchResult) -> dict[str, Any]:
        line = {"custom_id": result.custom_id, "key": self._keys.pop(result.custom_id), "job_id": result.job_id}
        if result.error is not None:
            return line | {"error": result.error.model_dump(mode="json", exclude_none=True)}
        assert result.result is not None  # noqa: S101 - one of the two
        return line | {"result": result.result.model_dump(mode="json")}

    def _items(self) -> Iterator[dict[str, Any]]:
        for entry in self._bulk.entries:
            key = self._key(entry)
            if entry.custom_id not in self._output.done:
                self._keys[entry.custom_id] = key
                # A failed job keeps its key for as long as it is kept: only another key is another job.
                own = {"idempotency_key": key + self._retried.get(entry.custom_id, "")}
                yield own | entry.request | {"custom_id": entry.custom_id}

    def _key(self, entry: Entry) -> str:
        return hashlib.sha256(dumps([self._bulk.run, entry.custom_id, entry.request]).encode()).hexdigest()[:32]

    def _to_retry(self) -> dict[str, str]:
        if not self._bulk.retry_failed:
            return {}
        failed = {name: f":{line['job_id']}" for name, line in self._output.done.items() if "error" in line}
        self._output.forget(set(failed))
        return failed

    def _keep(self, lines: Any) -> list[dict[str, Any]]:
        """The lines of the output, where they belong to this input.

        Raises:
            click.UsageError: one belongs to another request of the same name.
        """
        keys = {entry.custom_id: self._key(entry) for entry in self._bulk.entries} if self._output.done else {}
        for line in lines:
            if keys.get(line["custom_id"]) != line["key"]:
                which = f"{self._bulk.out} holds a result for {line['custom_id']!r} that belongs to another request"
                raise click.UsageError(f"{which}: the input has changed since; name another file, or delete this one")
        return list(lines)

    def _interrupted(self) -> None:
        done, screen = self._tally.done, self._session.screen
        screen.note(f"interrupted with {done} of {self._total} done; jobs on their way go on in the queue")
        screen.note("the same command goes on from here, and does nothing twice")
        raise Ended(DETACHED) from None


class Tally:
    """How many ended, and how."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.done = 0
        self._failed: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            self.count(line)

    @property
    def failed(self) -> int:
        """How many did not complete."""
        return sum(map(len, self._failed.values()))

    def count(self, line: dict[str, Any]) -> None:
        """One more has ended."""
        self.done += 1
        if "error" in line:
            self._failed[line["error"]["code"]].append(line["custom_id"])

    def tell(self, screen: Screen) -> None:
        """Say it in a few lines: one for each code of failure, with how many and which."""
        screen.note(
            f"{self.done - self.failed} of {self.done} completed" + (f", {self.failed} failed" * bool(self.failed))
        )
        for code, names in sorted(self._failed.items(), key=lambda entry: -len(entry[1])):
            more = ", ..." * (len(names) > _MOST_NAMED)
            screen.note(f"  {len(names)} {code}: {', '.join(names[:_MOST_NAMED])}{more}")


class Bar:
    """The progress bar with the time that is left; nothing where stderr is no terminal."""

    def __init__(self, screen: Screen, total: int, tally: Tally) -> None:
        self._tally = tally
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self._progress = Progress(*columns, *times, console=screen.console, disable=not screen.live, transient=True)
        self._task = self._progress.add_task("", total=total, completed=tally.done)
        self.close: Callable[[], None] = self._progress.stop

    def __enter__(self) -> Self:
        self.show()
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Out of the way of what is written meanwhile, where both are the same terminal."""
        self.close()
        yield
        self._progress.start()

    def show(self) -> None:
        """Show how far it is."""
        failed = f"{self._tally.failed} failed" if self._tally.failed else ""
        self._progress.update(self._task, completed=self._tally.done, description=failed)
