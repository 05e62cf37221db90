"""The measured parts of docs/gateway-performance.md."""

from bench.figures.report import machine, markdown
from bench.figures.results import Results
from bench.figures.rows import Figure, Row

PATHS = {
    "direct": "direct",
    "sdk": "SDK",
    "gateway": "gateway",
    "gateway-openai": "gateway, `/v1`",
    "LiteLLM": "LiteLLM",
    "ollama-queue-proxy": "ollama-queue-proxy",
}
ROWS = (
    Row("first token over direct, p50 / p99, ms", (Figure("first_p50_ms", 4.0), Figure("first_p99_ms")), "≤ 4 (p50)"),
    Row("latency per token, p50 / p99, ms", (Figure("token_p50_ms", 2.0), Figure("token_p99_ms")), "≤ 2 (p50)"),
    Row("tokens/s of 3,200 sent", (Figure("tokens_per_second", digits=0),)),
    Row("CPU of the proxy per token, µs", (Figure("proxy_us", 80.0, digits=0),), "≤ 80"),
    Row("memory of the proxy, MB", (Figure("proxy_pss_mb", digits=0),)),
    Row("requests/s of one token", (Figure("short_per_second", digits=0),)),
)
CROWD = (
    Row(
        "memory: idle / with the streams, MB",
        (Figure("idle_pss_mb", digits=0), Figure("crowd_pss_mb", 200.0, digits=0)),
        "≤ 200",
    ),
    Row("CPU per token in a steady stream, µs", (Figure("crowd_us", digits=0),)),
    Row("latency per token, p50 / p99, ms", (Figure("crowd_p50_ms"), Figure("crowd_p99_ms"))),
    Row("first token of one more request, p50, ms", (Figure("crowd_first_p50_ms"),)),
    Row("share of the streams that came whole", (Figure("crowd_whole", digits=3),)),
)


def table(results: Results) -> str:
    """The paths beside each other, and the targets of the gateway."""
    measured = [
        path for path in PATHS if any(path in results.values.get(f.metric, {}) for r in ROWS for f in r.figures)
    ]
    rows = [[row.title, *(row.cell(results, path) for path in measured), row.aim] for row in ROWS]
    head = ["", *(PATHS[path] for path in measured), "target"]
    return markdown(head, [row for row in rows if set(row[1:-1]) != {"-"}])


def crowd(results: Results) -> str:
    """The gateway with many open streams."""
    rows = [[row.title, row.cell(results, "gateway"), row.aim] for row in CROWD]
    return markdown(["", "gateway", "target"], [row for row in rows if row[1] != "-"])


def rivals(results: Results) -> str:
    """The other proxies: the version, or why one is not in the table."""
    known = results.about.get("rivals") or {"other proxies": "not measured in this run"}
    return "\n".join(f"* {name}: {what}" for name, what in known.items())


def misses(results: Results) -> str:
    """What the gateway does not reach, as a list."""
    found = [sentence for row in (*ROWS, *CROWD) for sentence in row.misses(results, "gateway")]
    return "\n".join(f"* {sentence}" for sentence in found) or "Every target was reached."


def tables(results: Results) -> list[str]:
    """What a run prints, without the tables that it has nothing for."""
    shown = [part(results) for part in (table, crowd) if len(part(results).splitlines()) > 2]
    return [*shown, rivals(results), misses(results)]


def parts(results: Results) -> dict[str, str]:
    """The measured parts of the page."""
    return {part.__name__: part(results) for part in (machine, rivals, table, misses, crowd)}
