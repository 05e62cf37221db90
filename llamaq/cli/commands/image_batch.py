"""One question about many images: a job for each, a few at a time, and their answers in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from llamaq.cli.commands.file_run import Bar, Tally, result_line
from llamaq.cli.exit_codes import DETACHED, FAILED, Ended
from llamaq.cli.session import Session
from llamaq.cli.terminal import answer
from llamaq.cli.terminal.interrupts import Interrupts, ignore_interrupts
from llamaq.client.batches import BatchResult
from llamaq.vocabulary.errors import InvalidRequest


def find_vision_model(session: Session) -> str:
    """Find the only model of the fleet with the capability `vision`.

    Raises:
        click.UsageError: there are several, or none.
    """
    names = sorted({offered.model for offered in session.queue.models() if "vision" in offered.capabilities})
    if len(names) != 1:
        there = f"the fleet has {', '.join(names)}" if names else "the fleet has none that is known to see"
        raise click.UsageError(f"name the MODEL before the images: {there}")
    return names[0]


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """The images, and the fields of the request about each."""

    paths: Sequence[Path]
    request: dict[str, Any]
    in_flight: int

    def run(self, session: Session, *, detach: bool, as_json: bool) -> None:
        """Submit the jobs, and write each answer under the name of its image.

        Raises:
            Ended: with `FAILED` when an image was refused or its job did not complete, with `DETACHED` after Ctrl-C.
                The notes are written.
            BrokerUnavailable: Redis did not answer.
        """
        if detach:
            self._detach(session)
        else:
            self._follow(session, as_json=as_json)

    def _detach(self, session: Session) -> None:
        refused = 0
        for item in self._items():
            name = item.pop("custom_id")
            try:
                session.screen.write_line(session.queue.submit(item).id)
            except InvalidRequest as error:
                refused += 1
                session.screen.note(f"{name}: {error}")
        if refused:
            raise Ended(FAILED)

    def _follow(self, session: Session, *, as_json: bool) -> None:
        tally = Tally([])
        results = session.queue.batch(self._items(), in_flight=self.in_flight, ordered=True)
        with Interrupts() as interrupts, Bar(session.screen, len(self.paths), tally) as bar:
            try:
                for result in results:
                    with interrupts.delay(), bar.hide():
                        tally.count(result_line(result))
                        _write(session, result, as_json=as_json)
                    bar.show()
            except KeyboardInterrupt:
                ignore_interrupts()
                bar.close()
                session.screen.note(f"detached after {tally.done} of {len(self.paths)}; jobs on their way go on")
                raise Ended(DETACHED) from None
            finally:
                results.close()
        tally.write(session.screen)
        if tally.failed:
            raise Ended(FAILED)

    def _items(self) -> Iterator[dict[str, Any]]:
        key = self.request.get("idempotency_key")
        for path in self.paths:
            own = {"custom_id": str(path), "images": [path]} | ({"idempotency_key": f"{key}:{path}"} if key else {})
            yield {"kind": "multimodal", "priority": "normal", **self.request, **own}


def _write(session: Session, result: BatchResult, *, as_json: bool) -> None:
    if as_json:
        session.screen.write_record(result_line(result))
    elif result.error is not None:
        session.screen.note(f"{result.custom_id}: {result.error.code}: {result.error.message}")
    elif result.result is not None:
        session.screen.write_line(f"{result.custom_id}:")
        answer.write(session.screen, result.result)
        session.screen.write_line("")
