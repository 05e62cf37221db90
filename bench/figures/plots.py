"""The plots of docs/performance.md."""

from pathlib import Path
from typing import Any

from bench.figures.report import PATHS
from bench.figures.results import Results

COLOURS = {
    "direct": "#888888",
    "naive": "#d95f02",
    "llamaq": "#1b9e77",
    "llamaq-sdk": "#7570b3",
    "taskiq": "#e7298a",
    "dramatiq": "#66a61e",
}
COSTS = {"worker_us": "worker", "redis_us": "Redis", "consumer_us": "consumer"}
SHADES = ("#1b9e77", "#d95f02", "#bbbbbb")


def draw(results: Results, folder: Path) -> None:
    """Write all of them as PNG."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second, and only --write draws

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of the backend

    folder.mkdir(parents=True, exist_ok=True)
    for name, plot in {"latency": _latency, "cpu": _cpu}.items():
        figure, axes = plt.subplots(figsize=(7, 3.6), dpi=90)
        plot(axes, results)
        figure.tight_layout()
        # Without metadata: the version of the library would make every file differ.
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        plt.close(figure)


def _latency(axes: Any, results: Results) -> None:
    for path, values in results.latencies.items():
        ordered = sorted(values)
        shares = [(index + 1) / len(ordered) * 100 for index in range(len(ordered))]
        axes.plot(ordered, shares, label=PATHS[path], color=COLOURS[path])
    axes.set(xscale="log", xlabel="ms from the host's sending to the consumer", ylabel="% of tokens", ylim=(0, 100.5))
    axes.set_title("Latency per token")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()


def _cpu(axes: Any, results: Results) -> None:
    paths = [path for path in PATHS if path in results.values.get("consumer_us", {})]
    left = [0.0] * len(paths)
    for (metric, title), colour in zip(COSTS.items(), SHADES, strict=True):
        found = [results.get(metric, path) for path in paths]
        widths = [0.0 if value is None else value.median for value in found]
        axes.barh([PATHS[path] for path in paths], widths, left=left, label=title, color=colour)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set(xlabel="µs of CPU per token", title="CPU per token")
    axes.legend()
