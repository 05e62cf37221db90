"""ops/grafana: every query asks for metrics and labels that exist, and all files fit together."""

import json
import re
from typing import Any

import pytest
import yaml

from ops.topology import compose
from tests.ops import queries
from tests.worker_process import CHECKOUT

FOLDER = CHECKOUT / "ops" / "grafana"
DASHBOARDS: list[dict[str, Any]] = [json.loads(path.read_text()) for path in (FOLDER / "dashboards").glob("*.json")]
TARGETS = [target for board in DASHBOARDS for panel in board["panels"] for target in panel["targets"]]
EXPRESSIONS = [target["expr"] for target in TARGETS]


def test_there_is_a_dashboard_with_queries() -> None:
    """Nothing below would notice an empty one."""
    assert len(EXPRESSIONS) > 20


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"])
def test_each_query_asks_for_what_there_is(target: dict[str, Any]) -> None:
    """Metrics, labels, and labels that the legend shows."""
    assert queries.unknown(target["expr"]) == []
    kept = {label.strip() for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in group.split(",")}
    shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert shown <= (kept or queries.ADDED)


def test_fleet_figures_are_never_summed_over_workers() -> None:
    """Each worker tells the whole fleet's: a sum would count it once for each worker."""
    text = (CHECKOUT / "docs" / "metrics.md").read_text()
    fleet = set(re.findall(r"^\| `(\w+)`", text.partition("## Of one worker")[0], re.MULTILINE))
    assert "llamaq_queue_depth" in fleet
    for expression in EXPRESSIONS:
        for name in fleet & set(re.findall(r"llamaq_\w+", expression)):
            assert re.search(rf"(max|min)\s*(by \([^)]*\))? \(?(rate\(|increase\()?{name}|max\({name}", expression)


def test_no_query_asks_for_a_job_by_its_name() -> None:
    """Kubernetes' PodMonitor gives jobs other names than prometheus.yml; in the alerts neither."""
    rules = (CHECKOUT / "ops" / "prometheus" / "alerts.yml").read_text()
    assert [text for text in [*EXPRESSIONS, rules] if re.search(r"\bjob\s*(=|!)", text)] == []


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("max(llamaq_nothing)", ["llamaq_nothing"]),
        ('max(llamaq_queue_depth{host="x"})', ["llamaq_queue_depth{host}"]),
        ("max by (tenant) (llamaq_queue_depth)", ["tenant"]),
        ("sum by (le) (rate(llamaq_job_wait_seconds_bucket[1m]))", []),
    ],
)
def test_the_check_finds_what_does_not_exist(expression: str, wrong: list[str]) -> None:
    """A metric, a label of a selector, a label of a grouping."""
    assert queries.unknown(expression) == wrong


def test_provisioning_fits_the_compose_file_and_the_dashboards() -> None:
    """The data source's uid and address, and the folder that is mounted."""
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((FOLDER / "provisioning/dashboards/llamaq.yml").read_text())["providers"]
    services = compose.read_services()
    mounts = [mount.split(":") for mount in services["grafana"]["volumes"]]

    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in services
    uids = {place["datasource"]["uid"] for board in DASHBOARDS for place in [*board["panels"], *TARGETS]}
    assert uids == {source["uid"]}
    assert provider["options"]["path"] in [mount[1] for mount in mounts]
    assert "/etc/grafana/provisioning" in [mount[1] for mount in mounts]


def test_panels_do_not_lie_on_each_other() -> None:
    """Each has an id and a place of its own."""
    for board in DASHBOARDS:
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        taken = [
            (x, y)
            for panel in board["panels"]
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(taken) == len(set(taken))
        assert max(x for x, _ in taken) < 24
