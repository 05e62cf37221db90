"""The table: what each row shows and what is aimed at."""

from dataclasses import dataclass

from bench.figures.results import Results


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a row.

    Attributes:
        metric: as in `Results`.
        aim: the limit; None where nothing is aimed at.
        most: whether the aim is an upper limit.
        scale: the measured value is multiplied by it.
        digits: behind the point.
    """

    metric: str
    aim: float | None = None
    most: bool = True
    scale: float = 1
    digits: int = 1

    def value(self, results: Results, path: str) -> float | None:
        """The median, as it is shown."""
        found = results.get(self.metric, path)
        return None if found is None else found.median * self.scale

    def is_missed(self, value: float) -> bool:
        """Whether a value, as it is shown, does not reach the aim."""
        value = round(value, self.digits)
        return self.aim is not None and (value > self.aim if self.most else value < self.aim)

    def format(self, value: float) -> str:
        """Format the value with its digits."""
        return f"{value:,.{self.digits}f}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a thing, of one or two numbers.

    Attributes:
        aim: in words.
    """

    title: str
    figures: tuple[Figure, ...]
    aim: str = ""

    def cell(self, results: Results, path: str) -> str:
        """The row's numbers for one path."""
        values = [figure.value(results, path) for figure in self.figures]
        known = [(figure, value) for figure, value in zip(self.figures, values, strict=True) if value is not None]
        return " / ".join(figure.format(value) for figure, value in known) or "-"

    def misses(self, results: Results, path: str) -> list[str]:
        """A sentence for each number that misses its aim."""
        names = ("p50 ", "p99 ") if len(self.figures) == 2 else ("",)
        said = []
        for name, figure in zip(names, self.figures, strict=True):
            value = figure.value(results, path)
            if value is not None and figure.is_missed(value):
                sign = "≤" if figure.most else "≥"
                said.append(f"{self.title}: {name}{figure.format(value)}, target {sign} {figure.aim:,g}")
        return said


ROWS = (
    Row(
        "first token, idle worker: added p50 / p99, ms",
        (Figure("first_p50_ms", 2), Figure("first_p99_ms", 4)),
        "≤ 2 / 4",
    ),
    Row(
        "latency per token, 64 streams of 50 tokens/s: p50 / p99, ms",
        (Figure("token_p50_ms", 0.8), Figure("token_p99_ms", 4)),
        "≤ 0.8 / 4",
    ),
    Row(
        "the same for the middle half of the tokens: p50 / p99, ms",
        (Figure("steady_p50_ms"), Figure("steady_p99_ms")),
    ),
    Row(
        "tokens/s at 64 streams (3,200 sent)",
        (Figure("tokens_per_second", 3150, most=False, digits=0),),
        "≥ 3,150",
    ),
    Row("worker CPU per token at 64 streams, µs", (Figure("worker_us", 100, digits=0),), "≤ 100"),
    Row("Redis CPU per token at 64 streams, µs", (Figure("redis_us", 20, digits=0),), "≤ 20"),
    Row("consumer CPU per token at 64 streams, µs", (Figure("consumer_us", 60, digits=0),), "≤ 60"),
    Row("worker PSS at 64 streams, MB", (Figure("pss_mb", 80, digits=0),), "≤ 80"),
    Row(
        "slots used, 64 one-second jobs on 4 slots, %",
        (Figure("slots_used", 99.5, most=False, scale=100),),
        "≥ 99.5 %",
    ),
    Row("submit, ms per job", (Figure("submit_ms", 0.25, digits=2),), "≤ 0.25"),
    Row("submit_many, jobs/s", (Figure("many_per_second", 12000, most=False, digits=0),), "≥ 12,000"),
)
