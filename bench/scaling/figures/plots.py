"""The plots of docs/scaling.md."""

from pathlib import Path
from typing import Any

from bench.figures.results import Results
from bench.scaling.figures.medians import Medians

GREEN, ORANGE, GREY = "#1b9e77", "#d95f02", "#888888"


def draw(results: Results, folder: Path) -> None:
    """Write all of them as PNG."""
    import matplotlib as mpl  # noqa: PLC0415 - half a second, and only --write draws

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of the backend

    folder.mkdir(parents=True, exist_ok=True)
    for name, plots in {"scaling-fleet": (_long, _flood), "scaling-cost": (_backlog, _hosts)}.items():
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), dpi=90)
        for plot, where in zip(plots, axes, strict=True):
            plot(where, Medians(results))
            where.grid(visible=True, which="major", alpha=0.3)
            where.legend()
        figure.tight_layout()
        # Without metadata: the version of the library would make every file differ.
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        plt.close(figure)


def _long(axes: Any, of: Medians) -> None:
    sizes = of.paths("long_per_second")
    counts, found = [int(size) for size in sizes], [of("long_per_second", size) for size in sizes]
    axes.plot(counts, [found[0] * count / counts[0] for count in counts], color=GREY, linestyle="--", label="linear")
    axes.plot(counts, found, color=GREEN, marker="o", label="measured")
    axes.set(title="Long cheap jobs", xlabel="workers and hosts", ylabel="jobs/s", xticks=counts, ylim=0)


def _flood(axes: Any, of: Medians) -> None:
    sizes = of.paths("flood_per_second")
    counts = [int(size) for size in sizes]
    axes.plot(counts, [of("flood_per_second", size) for size in sizes], color=ORANGE, marker="o", label="jobs/s")
    axes.plot(counts, [of("flood_machine", size) for size in sizes], color=GREY, marker=".", label="machine in use, %")
    axes.set(title="Jobs without length", xlabel="workers and hosts", xticks=counts, ylim=0)


def _backlog(axes: Any, of: Medians) -> None:
    for call, title, colour in (("submit", "submit", GREEN), ("turn", "claim, end, assign", ORANGE)):
        for tenants, style in zip(
            dict.fromkeys(p.split("/")[0] for p in of.paths("submit_us")), ("-", "--"), strict=False
        ):
            paths = [path for path in of.paths(f"{call}_us") if path.split("/")[0] == tenants]
            label = f"{title}, {int(tenants):,} tenant{'s' * (tenants != '1')}"
            where, found = [int(path.split("/")[1]) for path in paths], [of(f"{call}_us", path) for path in paths]
            axes.plot(where, found, style, color=colour, marker="o", label=label)
    axes.set(title="By what waits", xscale="log", xlabel="jobs queued", ylabel="µs of Redis", ylim=0)


def _hosts(axes: Any, of: Medians) -> None:
    for call, colour in (("submit", GREEN), ("rescue", ORANGE), ("turn", GREY)):
        counts = of.paths(f"hosts_{call}_us")
        axes.plot(
            [int(count) for count in counts], [of(f"hosts_{call}_us", count) for count in counts],
            color=colour, marker="o", label={"turn": "claim, end, assign"}.get(call, call),
        )  # fmt: skip
    axes.set(title="By hosts with the model", xscale="log", yscale="log", xlabel="hosts", ylabel="µs of Redis")
