"""A run over the lines of a file, with a progress bar: it does what an earlier run has not done, and writes results."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from llamaq.cli.exit_codes import DETACHED, FAILED, Ended
from llamaq.cli.input.jsonl import Input, Output, RequestLine
from llamaq.cli.session import Session
from llamaq.cli.terminal.interrupts import Interrupts, ignore_interrupts
from llamaq.cli.terminal.screen import Screen
from llamaq.client.batches import BatchResult
from llamaq.vocabulary.wire import dumps

_MOST_NAMED = 3
"""Failed requests that are named for each error code."""


@dataclass(frozen=True, slots=True)
class FileRun:
    """The arguments of a run.

    Attributes:
        source: the requests.
        out: the file of the results; None for stdout.
        ordered: whether results are written in the order of the requests.
        retry_failed: whether requests that failed in an earlier run are tried again.
        run: the user's name of the run. Under another name every request is another job.
    """

    source: Input
    out: Path | None
    in_flight: int
    ordered: bool
    retry_failed: bool = False
    run: str = ""

    def run_requests(self, session: Session) -> None:
        """Run the requests.

        Raises:
            Ended: a job failed, or Ctrl-C; the notes are written.
            BrokerUnavailable: Redis did not answer. The results so far are in the output.
        """
        total = self.source.check()
        output = Output(self.out, session.screen.write_json)
        try:
            _Run(self, session, output, total).run_requests()
        finally:
            output.close()


class _Run:
    def __init__(self, bulk: FileRun, session: Session, output: Output, total: int) -> None:
        self._bulk = bulk
        self._session = session
        self._output = output
        self._total = total
        self._retried = self._drop_failed()
        self._keys: dict[str, str] = {}
        self._tally = Tally(self._check_results())
        self._failed_before = self._tally.failed

    def run_requests(self) -> None:
        """Run the requests that have no result yet, and write a summary."""
        queue = self._session.queue
        results = queue.batch(self._items(), in_flight=self._bulk.in_flight, ordered=self._bulk.ordered)
        with Interrupts() as interrupts, Bar(self._session.screen, self._total, self._tally) as bar:
            try:
                self._write(results, interrupts, bar)
            except KeyboardInterrupt:
                ignore_interrupts()
                bar.close()
                self._end_interrupted()
        self._tally.write(self._session.screen)
        if self._failed_before:
            self._session.screen.note(
                f"{self._failed_before} failed in an earlier run, and stand; --retry-failed tries them again"
            )
        if self._tally.failed:
            raise Ended(FAILED)

    def _write(self, results: Generator[BatchResult, None, None], interrupts: Interrupts, bar: "Bar") -> None:
        try:
            for result in results:
                with interrupts.delay():
                    line = self._line(result)
                    with bar.hide() if self._bulk.out is None else nullcontext():
                        self._output.write(line)
                    self._tally.count(line)
                    bar.show()
        finally:
            results.close()

    def _line(self, result: BatchResult) -> dict[str, Any]:
        return result_line(result, key=self._keys.pop(result.custom_id))

    def _items(self) -> Iterator[dict[str, Any]]:
        for asked in self._bulk.source:
            key = self._key(asked)
            if asked.custom_id not in self._output.done:
                self._keys[asked.custom_id] = key
                # While a failed job is kept, its idempotency key gives that job: a retry needs another key.
                own = {"idempotency_key": key + self._retried.get(asked.custom_id, "")}
                yield own | asked.request | {"custom_id": asked.custom_id}

    def _key(self, asked: RequestLine) -> str:
        return hashlib.sha256(dumps([self._bulk.run, asked.custom_id, asked.request]).encode()).hexdigest()[:32]

    def _drop_failed(self) -> dict[str, str]:
        """With `retry_failed`, remove the failures from the output. Returns a suffix for the key of each."""
        if not self._bulk.retry_failed:
            return {}
        failed = {name: f":{line['job_id']}" for name, line in self._output.done.items() if "error" in line}
        self._output.remove(set(failed))
        return failed

    def _check_results(self) -> list[dict[str, Any]]:
        """Check the results in the output, and return them.

        Raises:
            click.UsageError: one is the result of another request with the same `custom_id`.
        """
        lines = list(self._output.done.values())
        keys = {asked.custom_id: self._key(asked) for asked in self._bulk.source} if lines else {}
        for line in lines:
            if keys.get(line["custom_id"]) != line["key"]:
                which = f"{self._bulk.out} holds a result for {line['custom_id']!r} that belongs to another request"
                raise click.UsageError(f"{which}: the input has changed since; name another file, or delete this one")
        return lines

    def _end_interrupted(self) -> None:
        done, screen = self._tally.done, self._session.screen
        screen.note(f"interrupted with {done} of {self._total} done; jobs on their way go on in the queue")
        screen.note("the same command goes on from here, and does nothing twice")
        raise Ended(DETACHED) from None


def result_line(result: BatchResult, **more: str) -> dict[str, Any]:
    """The result as a JSON object: its names, with `more`, and its error or result."""
    line = {"custom_id": result.custom_id, **more, "job_id": result.job_id}
    if result.error is not None:
        return line | {"error": result.error.model_dump(mode="json", exclude_none=True)}
    assert result.result is not None  # noqa: S101 - it has no error
    return line | {"result": result.result.model_dump(mode="json")}


class Tally:
    """Counts the results, and the failures by error code."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.done = 0
        self._failed: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            self.count(line)

    @property
    def failed(self) -> int:
        """The number of failures."""
        return sum(map(len, self._failed.values()))

    def count(self, line: dict[str, Any]) -> None:
        """Count a result."""
        self.done += 1
        if "error" in line:
            self._failed[line["error"]["code"]].append(line["custom_id"])

    def write(self, screen: Screen) -> None:
        """Write a summary: the numbers, and a line for each error code with the first names."""
        screen.note(
            f"{self.done - self.failed} of {self.done} completed" + (f", {self.failed} failed" * bool(self.failed))
        )
        for code, names in sorted(self._failed.items(), key=lambda item: -len(item[1])):
            more = ", ..." * (len(names) > _MOST_NAMED)
            screen.note(f"  {len(names)} {code}: {', '.join(names[:_MOST_NAMED])}{more}")


class Bar:
    """The progress bar with the remaining time; nothing where stderr is no terminal."""

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
    def hide(self) -> Iterator[None]:
        """Hide the bar while something is written to the same terminal."""
        self.close()
        yield
        self._progress.start()

    def show(self) -> None:
        """Show the progress."""
        failed = f"{self._tally.failed} failed" if self._tally.failed else ""
        self._progress.update(self._task, completed=self._tally.done, description=failed)
