"""A worker's metrics as Prometheus gets them: over HTTP, through its own parser."""

import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.worker_process import WorkerProcess

PORT = re.compile(r'"port": (\d+), "event": "metrics are served"')
Shape = tuple[str, frozenset[str]]


@dataclass(frozen=True)
class Scrape:
    """One scrape.

    Attributes:
        text: as it came.
        shapes: of each metric under its exported name, the type and the labels.
    """

    text: str
    shapes: Mapping[str, Shape]
    _samples: Mapping[str, list[tuple[dict[str, str], float]]]

    def figure(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels; 0 where there are none."""
        return sum(value for has, value in self._samples.get(name, []) if labels.items() <= has.items())


def port_of(worker: WorkerProcess) -> int:
    """The port that it chose."""
    found = PORT.search(worker.log())
    assert found, worker.log()
    return int(found[1])


def scrape(port: int) -> Scrape:
    """What a worker serves now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return parsed(answer.read().decode())


def parsed(text: str) -> Scrape:
    """The text, taken apart."""
    shapes: dict[str, Shape] = {}
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        # The parser takes the ending off a counter's name.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = frozenset(label for sample in family.samples for label in sample.labels) - {"le"}
        shapes[name] = (family.type, labels)
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Scrape(text, shapes, samples)
