"""The figures of a run, as a table; and their place in docs/reliability.md."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures.page import renew_page
from tests.chaos.fleet import LEASE_SECONDS
from tests.chaos.injected import InjectedFaults
from tests.chaos.invariants import Findings, StoredJob
from tests.chaos.traffic import Sent

BOOK = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass(frozen=True)
class Report:
    """One run."""

    seed: int
    seconds: float
    sent: Sent
    injected: InjectedFaults
    findings: Findings

    def render_table(self) -> str:
        """Render all figures, in Markdown."""
        rows = [f"| {name} | {figure} |" for name, figure in self._list_figures()]
        return "\n".join(["| | |", "|---|---|", *rows])

    def _list_figures(self) -> list[tuple[str, str]]:
        endings = Counter(_describe_ending(job) for job in self.findings.told)
        counts = self.injected.counts
        breaches = self.findings.breaches
        frozen = sum(window.end - window.begin for window in self.findings.overlaps)
        return [
            ("length, seed", f"{self.seconds:.0f} s, {self.seed}"),
            ("jobs accepted; submits refused while Redis was away", f"{len(self.sent.accepted)}; {self.sent.refused}"),
            ("endings", ", ".join(f"{count} {name}" for name, count in sorted(endings.items()))),
            ("attempts", str(sum(int(job.record.get("attempt", 0)) for job in self.findings.told))),
            ("workers killed, frozen, stopped", _join_counts(counts, "kill", "freeze", "stop")),
            ("all connections of a worker silent", _join_counts(counts, "silent")),
            (
                "Redis killed, shut down; all connections cut",
                _join_counts(counts, "redis_kill", "redis_shut_down", "cut"),
            ),
            ("Redis went back in time; swapped with its replica", _join_counts(counts, "rewind", "readonly")),
            ("its clock set back, forward", _join_counts(counts, "clock_back", "clock_forward")),
            ("hosts killed", _join_counts(counts, "host_kill")),
            ("rounds of doubled messages, of bad messages", _join_counts(counts, "double", "garbage")),
            ("readers that followed live", str(len(self.sent.read))),
            ("accepted jobs taken back with Redis", str(len(self.findings.taken_back))),
            ("jobs lost otherwise", str(sum("lost:" in breach for breach in breaches))),
            ("duplicates seen", str(sum("duplicate:" in breach for breach in breaches))),
            ("promises broken", str(len(breaches))),
            (
                "a host over its slots beside a frozen or cut off worker",
                f"{len(self.findings.overlaps)} times, {frozen:.1f} s in all",
            ),
            (
                f"kill -9 of a worker until its job goes back, lease {LEASE_SECONDS} s",
                _render_spread(self._measure_recovery("retrying")),
            ),
            (
                "the same until its next attempt, with all that wait for a slot",
                _render_spread(self._measure_recovery("started")),
            ),
            ("Redis back to the first word written", _render_spread(self._measure_resumption())),
        ]

    def _measure_recovery(self, by: str) -> list[float]:
        return [seconds for job in self.findings.told for seconds in _measure_recovery(job, self.injected, by)]

    def _measure_resumption(self) -> list[float]:
        written = sorted(event["at"] for job in self.findings.told for event in job.events)
        firsts = [
            (moment, next((at for at in written if at >= moment), None))
            for _, moment in self.injected.away
            if not self.injected.was_disturbed(moment + 0.001, moment + 1)
        ]
        return [at - moment for moment, at in firsts if at is not None]


def _measure_recovery(job: StoredJob, injected: InjectedFaults, by: str) -> list[float]:
    """Measure the seconds from the death of a worker until a job that it was running was given back, or begun again.

    Those with an outage of Redis in between say nothing about the reaper.
    """
    found: list[float] = []
    begun = [event for event in job.events if event["type"] == "started"]
    for event, following in itertools.pairwise(begun):
        died = injected.killed.get(int(event["worker"].rsplit(":", 2)[1]))
        back = [e for e in job.events if e["type"] == "retrying" and e["attempt"] == event["attempt"]]
        if (
            died is not None
            and back
            and event["at"] <= died <= back[0]["at"]
            and not injected.was_disturbed(died, back[0]["at"])
        ):
            found.append((back[0] if by == "retrying" else following)["at"] - died)
    return found


def _describe_ending(job: StoredJob) -> str:
    state = job.record.get("state", "")
    return f"{state} ({json.loads(job.record['error'])['code']})" if "error" in job.record else state


def _join_counts(counts: dict[str, int], *names: str) -> str:
    return ", ".join(str(counts.get(name, 0)) for name in names)


def _render_spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    p50, p99 = (ordered[math.ceil(len(ordered) * share) - 1] for share in (0.5, 0.99))
    return f"p50 {p50:.1f} s, p99 {p99:.1f} s, of {len(ordered)}"


def write(table: str, command: str) -> None:
    """Replace the figures in docs/reliability.md."""
    renew_page(BOOK, {"chaos": f"`{command}`:\n\n{table.strip()}"})
