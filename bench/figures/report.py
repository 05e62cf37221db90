"""Turns results into text: the tables, and the measured parts of docs/performance.md."""

from bench.environment.workers import PEERS
from bench.figures.results import Results
from bench.figures.rows import ROWS

PATHS = {
    "direct": "direct",
    "naive": "naive Celery",
    "llamaq": "llamaq",
    "llamaq-sdk": "llamaq, SDK's reader",
    "taskiq": "taskiq",
    "dramatiq": "dramatiq",
}
SESSIONS = {"unpooled": "`requests.post`", "pooled": "one `requests.Session`", "client": "`api_client`"}
STEPS = {
    "first_whole_ms": "from the call to the first token",
    "first_submit_ms": "until submit has returned",
    "first_to_host_ms": "until the host sends the first token",
    "first_back_ms": "from there to the consumer",
}


def table(results: Results) -> str:
    """The results beside the targets."""
    head = ["", *PATHS.values(), "target"]
    rows = [[row.title, *(row.cell(results, path) for path in PATHS), row.aim] for row in ROWS]
    return markdown(head, [row for row in rows if set(row[1:-1]) != {"-"}])


def spreads(results: Results) -> str:
    """The median of each number, and the extremes of the rounds."""
    metrics = [figure for row in ROWS for figure in row.figures if figure.metric in results.values]
    rows = []
    for figure in metrics:
        cells = []
        for path in PATHS:
            found = results.get(figure.metric, path)
            cells.append("-" if found is None else " … ".join(figure.format(v * figure.scale) for v in found[1:]))
        rows.append([f"`{figure.metric}`", *cells])
    return markdown(["minimum … maximum of the rounds", *PATHS.values()], rows)


def peers(results: Results) -> str:
    """The submits of other task queues beside ours, and why one was not measured."""
    timed = {name: values for name in results.values.get("submit_ms", {}) if (values := results.get("submit_ms", name))}
    names = {"llamaq": "llamaq", "naive": "Celery"} | {
        name: name for name in timed if name not in PATHS or name in PEERS
    }
    if not timed:
        return ""
    rows = [["submit, ms per job", *(f"{timed[name].median:.2f}" for name in names if name in timed)]]
    reasons = [f"* {name}: {reason}" for name, reason in results.about.get("peers", {}).items()]
    shown = markdown(["", *(title for name, title in names.items() if name in timed)], rows)
    return "\n".join([shown, "", *reasons]).rstrip()


def steps(results: Results) -> str:
    """The parts of the time to the first token."""
    rows = [[title, *(_median(results, metric, path, 2) for path in PATHS)] for metric, title in STEPS.items()]
    return markdown(["p50, ms", *PATHS.values()], rows)


def sessions(results: Results) -> str:
    """The time that a kept connection saves."""
    schemes = {"plain HTTP": "session_http_ms", "TLS": "session_https_ms"}
    rows = [[title, *(_median(results, m, kind, 2) for m in schemes.values())] for kind, title in SESSIONS.items()]
    return markdown(["ms per request", *schemes], rows)


def misses(results: Results) -> str:
    """What does not reach its aim, as a list."""
    found = [sentence for row in ROWS for sentence in row.misses(results, "llamaq")]
    return "\n".join(f"* {sentence}" for sentence in found) or "Every target was reached."


def machine(results: Results) -> str:
    """The machine, its load, and how much its own speed varied."""
    about, spin = results.about, results.get("spin_ms", "machine")
    took = f"took {spin.least:.1f} to {spin.most:.1f} ms (median {spin.median:.1f})" if spin else "was not measured"
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    return (
        f"Measured on {about['day']}: {about['processor']}, {about['cores']} cores, Python {about['python']}, "
        f"{about['redis']}, {packages}. Load before the start: {about['load']}, at the end: {about['load_at_end']}.\n"
        f"A fixed piece of work, timed in every round, {took}. A wide range means that other programs used the machine."
    )


def parts(results: Results) -> dict[str, str]:
    """The measured parts of docs/performance.md."""
    made = (machine, table, peers, misses, steps, sessions, spreads)
    return {part.__name__: part(results) for part in made}


def _median(results: Results, metric: str, path: str, digits: int) -> str:
    found = results.get(metric, path)
    return "-" if found is None else f"{found.median:.{digits}f}"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table, right-aligned in all columns but the first."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
