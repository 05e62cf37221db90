"""Runs the jobs of the demo and prints their events, results and timings."""

import io
from typing import Any

import PIL.Image
import PIL.ImageDraw
from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table

from demo.services import ServiceMissing
from llamaq import InvalidRequest, JobFailed, JobQueue, OptionsDict
from llamaq.cli.commands.listing import models_sheet
from llamaq.cli.terminal.tables import build_table
from llamaq.client.blocking.job import Job
from llamaq.client.job_events import read_outcome
from llamaq.vocabulary.events import Completed, Delta, Event, Failed, Progress, Retrying
from llamaq.vocabulary.kinds.result import Timings
from llamaq.vocabulary.models import ModelStatus

# The same short answer at each run.
SETTLED: OptionsDict = {"temperature": 0.0, "seed": 7, "num_predict": 70}


class Book(BaseModel):
    """The value of the extraction."""

    model_config = ConfigDict(extra="forbid")

    title: str
    author: str
    year: int


class Walkthrough:
    """Runs one job after the other and shows it.

    Attributes:
        model: the model that generates text.
    """

    def __init__(self, queue: JobQueue, console: Console, offered: list[ModelStatus]) -> None:
        self._queue = queue
        self._console = console
        self.model = _choose_model(offered, "completion")
        self._seen_by = _choose_model(offered, "vision", self.model)
        self._timings: list[tuple[str, Timings, int | None]] = []

    def run(self) -> None:
        """Show everything."""
        self._generate()
        self._chat()
        self._extract()
        self._multimodal()
        self._print_heading("queue.models()")
        self._console.print(build_table(models_sheet(self._queue.models()).fit(self._console.width)))
        self._print_heading("timings, in seconds")
        self._console.print(_make_timings_table(self._timings))

    def _generate(self) -> None:
        self._print_heading(f'queue.generate("{self.model}", "Why is the sky blue?")')
        self._follow("generate", self._queue.generate(self.model, "Why is the sky blue?", options=SETTLED))

    def _chat(self) -> None:
        for message in ("Name one animal that lives in the sea.", "What does it eat?"):
            self._print_heading(f'queue.chat("{self.model}", conversation="demo", message="{message}")')
            job = self._queue.chat(self.model, conversation="demo", message=message, options=SETTLED)
            self._follow("chat", job)

    def _extract(self) -> None:
        prompt = "Describe this book: Dune, by Frank Herbert, came out in 1965."
        self._print_heading(f'queue.extract("{self.model}", "{prompt}", schema=Book)')
        job = self._queue.extract(self.model, prompt, schema=Book, options=SETTLED)
        self._follow("extract", job)
        self._console.print(f"{job.result().parse(Book)!r}", style="green", markup=False)

    def _multimodal(self) -> None:
        self._print_heading(f'queue.multimodal("{self._seen_by}", "What is in this picture?", images=[...])')
        try:
            job = self._queue.multimodal(
                self._seen_by,
                "What is in this picture?",
                images=[_draw_picture()],
                options={**SETTLED, "num_predict": 40},
            )
            self._follow("multimodal", job)
        except InvalidRequest as refusal:  # refused at the submit, by the model's capabilities
            if refusal.code != "unsupported":
                raise
            self._show_refusal(f"InvalidRequest: code={refusal.code!r}, {refusal}")
        except JobFailed as failure:  # refused by a server that is too old to report capabilities
            if failure.code != "unsupported":
                raise
            self._show_refusal(f"JobFailed: code={failure.code!r}, status={failure.error.status}")

    def _show_refusal(self, typed: str) -> None:
        self._console.print(typed, style="yellow", markup=False, soft_wrap=True)
        self._console.print("This model sees nothing. On Ollama, with one that does:", style="dim")
        self._console.print(
            '  ollama pull llava:7b && python3 run.py llamaq describe llava:7b photo.jpg "What is it?"',
            markup=False,
            soft_wrap=True,
        )

    def _follow(self, name: str, job: Job[Any]) -> None:
        for event in job.events():
            self._show(event)
            if event.terminal:
                self._console.print()
                self._note_timings(name, job, event)
                read_outcome(job.id, event)

    def _note_timings(self, name: str, job: Job[Any], end: Event) -> None:
        if isinstance(end, Completed):
            self._timings.append((name, end.result.timings, end.result.usage.output_tokens))
            return
        status = job.status()
        queued, total = (
            None if moment is None else (moment - status.submitted_at).total_seconds()
            for moment in (status.started_at, status.finished_at)
        )
        self._timings.append((f"{name} ({status.state})", Timings(queued=queued, total=total), None))

    def _show(self, event: Event) -> None:
        match event:
            case Delta(text=text) if text:
                self._console.print(text, end="", markup=False, soft_wrap=True)
            case Progress(stage=stage):
                self._console.print(f"[{stage}] ", end="", style="dim", markup=False)
            case Retrying(error=error) | Failed(error=error):
                self._console.print(
                    f"{event.type}: {error.message}", style="yellow", markup=False, soft_wrap=True, end=""
                )

    def _print_heading(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold cyan", markup=False, soft_wrap=True)


def _choose_model(offered: list[ModelStatus], capability: str, otherwise: str | None = None) -> str:
    able = [model for model in offered if capability in model.capabilities]
    # A loaded model answers at once. Of the others the smallest one loads fastest.
    best = min(able, key=lambda model: (not model.loaded, model.size or 0), default=None)
    if best is not None:
        return best.model
    if otherwise is None:
        raise ServiceMissing("no installed model generates text: pull one first, as in `ollama pull llama3.2`")
    return otherwise


def _draw_picture() -> bytes:
    image = PIL.Image.new("RGB", (96, 96), "white")
    PIL.ImageDraw.Draw(image).ellipse((16, 16, 80, 80), fill="red")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _make_timings_table(rows: list[tuple[str, Timings, int | None]]) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("job", "queued", "first token", "total", "tokens"):
        drawn.add_column(title, justify="left" if title == "job" else "right")
    for name, times, tokens in rows:
        figures = [
            f"{value:.3f}" if value is not None else "" for value in (times.queued, times.first_token, times.total)
        ]
        drawn.add_row(name, *figures, str(tokens or ""))
    return drawn
