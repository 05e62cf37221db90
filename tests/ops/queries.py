"""What a PromQL expression asks for, and what there is, by docs/metrics.md (which tests hold equal to the code)."""

import re
from collections.abc import Mapping

from tests.worker_process import CHECKOUT

_ROW = re.compile(r"^\| `([a-z_]+)` \| (\w+) \|([\w, ]*)\|", re.MULTILINE)
_METRIC = re.compile(r"\b((?:llamaq|process)_[a-z_]+)\b(?:\{([^}]*)\})?")
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring) \(([^)]*)\)")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
# What Prometheus adds to all that it scrapes.
ADDED = {"instance", "job"}


def exported() -> Mapping[str, set[str]]:
    """The labels of each metric, under each name that it has in a query."""
    found: dict[str, set[str]] = {}
    for name, kind, labels in _ROW.findall((CHECKOUT / "docs" / "metrics.md").read_text()):
        own = {label.strip() for label in labels.split(",") if label.strip()} | ADDED
        if kind == "histogram":
            found |= {f"{name}_bucket": own | {"le"}, f"{name}_sum": own, f"{name}_count": own}
        else:
            found[name] = own
    assert len(found) > 30
    return found


def unknown(expression: str) -> list[str]:
    """What an expression asks for that does not exist."""
    known, wrong, labels = exported(), [], set(ADDED)
    for name, matchers in _METRIC.findall(_without_groupings(expression)):
        if name not in known:
            wrong.append(name)
            continue
        labels |= known[name]
        wrong += [f"{name}{{{label}}}" for label in _MATCHER.findall(matchers) if label not in known[name]]
    grouped = {label.strip() for group in _GROUPING.findall(expression) for label in group.split(",")}
    return wrong + sorted(grouped - labels)


def _without_groupings(expression: str) -> str:
    return _GROUPING.sub(" ", expression)
