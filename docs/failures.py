"""The page on failures, rendered from `tasks.attempt.failures`: `python3 run.py generate` writes it."""

from pathlib import Path

from tasks.attempt.failures import FAILURES, FREE_ATTEMPTS, Cause, Meaning, WorkerEvent

PAGE = Path(__file__).with_name("failures.md")
_INTRODUCTION = """\
# Failures

What each failure means for a job. This page is made from the table in `tasks/attempt/failures.py`, which the worker's
attempts, its reaper and its intake read.

* **then**: `retry` starts another attempt after a pause, `again` starts it at once, `fail` ends the job. In the last
  try that counts, a `retry` ends the job too.
* **blame**: a failure that speaks against the `host` counts towards opening its circuit; with `doubt` one job counts
  once in a row, since a job may bring down what runs it; for a model that runs elsewhere, as on ollama.com, it counts
  against nobody. `model` (a refusal) and `fault` count towards the circuit of that model on that host alone, and there,
  too, one job counts once in a row. So a host that fails at each job fails few of those that wait. A `fault` in the
  middle of an answer does not count. Nor do most 5xx count, since what a job asks may cause them. A try that failed and
  speaks against nobody keeps its job from that host, while another live host that has the model may get it.
* **counts**: whether the attempt counts towards `LLAMAQ_MAX_ATTEMPTS`; `later` counts from attempt {counted} on;
  `alone` counts where other jobs of the model are not refused there, and from attempt {counted} on. A job that is
  refused for longer than its `deadline` in all ends with the last refusal.
* **retryable** is what the producer is told: the same request may succeed later.

| what happened | code | then | blame | counts | retryable |
|---|---|---|---|---|---|
"""


def render_page() -> str:
    """Render the whole page, as Markdown."""
    rows = [_render_row(cause, meaning) for cause, meaning in FAILURES.items()]
    return _INTRODUCTION.format(counted=FREE_ATTEMPTS + 1) + "".join(rows)


def _render_row(cause: Cause, meaning: Meaning) -> str:
    what = str(cause) if isinstance(cause, WorkerEvent) else f"{meaning.text} (`{cause.__name__}`)"
    failed = meaning.then == "fail"
    cells = (
        what,
        f"`{meaning.code}`",
        meaning.then,
        meaning.blame,
        "" if failed else meaning.counts,
        "yes" if meaning.retryable else "no",
    )
    return f"| {' | '.join(cells)} |\n"
