"""The table of the gateway's results."""

from bench.figures.report import markdown
from bench.figures.results import Results
from bench.figures.rows import Figure, Row

PATHS = ("direct", "sdk", "gateway")
ROWS = (
    Row("first token over direct, p50 / p99, ms", (Figure("first_p50_ms", 4.0), Figure("first_p99_ms")), "≤ 4 (p50)"),
    Row("latency per token, p50 / p99, ms", (Figure("token_p50_ms", 2.0), Figure("token_p99_ms")), "≤ 2 (p50)"),
    Row("CPU per token of the gateway, µs", (Figure("gateway_us", 80.0, digits=0),), "≤ 80"),
    Row("requests/s of one token", (Figure("short_per_second", digits=0),)),
    Row(
        "memory, idle / with the crowd, MB",
        (Figure("idle_pss_mb", digits=0), Figure("crowd_pss_mb", 200.0, digits=0)),
        "≤ 200",
    ),
    Row("crowd: CPU per token, µs", (Figure("crowd_us", digits=0),)),
    Row("crowd: latency per token, p50 / p99, ms", (Figure("crowd_p50_ms"), Figure("crowd_p99_ms"))),
    Row("crowd: first token, p50, ms", (Figure("crowd_first_p50_ms"),)),
    Row("crowd: streams that came whole", (Figure("crowd_whole", digits=3),)),
)


def table(results: Results) -> str:
    """The results beside the aims."""
    rows = [[row.title, *(row.cell(results, path) for path in PATHS), row.aim] for row in ROWS]
    return markdown(["", *PATHS, "target"], [row for row in rows if set(row[1:4]) != {"-"}])
