"""ops/prometheus: checked by promtool, and run by a real Prometheus that scrapes a real worker."""

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import yaml

from embedded.redis import EmbeddedRedis, find_free_port
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from ops.topology.rendering import render
from ops.topology.running import Running, require_program
from ops.topology.site import BY_NAME
from tests.commands import run
from tests.conftest import MODEL
from tests.integration.scraping import port_of
from tests.ops import queries
from tests.ops.test_grafana import EXPRESSIONS
from tests.service import fresh_name, wait_until
from tests.worker_process import CHECKOUT, WorkerProcess

FOLDER = CHECKOUT / "ops" / "prometheus"
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
ASKED_FOR = {"LlamaqQueueOld", "LlamaqDeadLetters", "LlamaqNoHostForModel", "LlamaqCircuitOpen"}
ASKED_FOR |= {"LlamaqWorkerNotConsuming", "LlamaqRedisMemoryHigh"}
ASKED_FOR |= {"LlamaqJobsFailing", "LlamaqRedisNotPersisting", "LlamaqCertificateEnds", "LlamaqWebhooksFailing"}
Ask = Callable[[str], Any]


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(
    "words",
    [
        ["check", "config", "--syntax-only", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=lambda words: words[-1],
)
def test_promtool_takes_it(words: list[str]) -> None:
    """The configuration, the rules, and the rules' own tests."""
    command = [require_program("promtool"), *words]
    done = run(command, cwd=FOLDER, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_asks_for_what_there_is_has_a_test_and_a_page_in_the_runbook(rule: dict[str, Any]) -> None:
    """Its metrics and labels exist, alerts_test.yml makes it fire, the operator is told what to do."""
    name = rule["alert"]
    assert queries.unknown(rule["expr"]) == []
    fires = rf"alertname: {name}\n\s+exp_alerts:\n"
    assert re.search(fires, (FOLDER / "alerts_test.yml").read_text())
    base = "{{ with $externalLabels.llamaq_docs }}{{ . }}{{ else }}docs{{ end }}"
    assert rule["annotations"]["runbook"] == f"{base}/operations.md#{name.lower()}"
    assert "job=" not in rule["expr"]  # a scrape may have any name
    assert f"### {name}\n" in (CHECKOUT / "docs" / "operations.md").read_text()


def test_no_alert_is_missing() -> None:
    """Those that the operations are planned with."""
    assert {rule["alert"] for rule in RULES} >= ASKED_FOR


@pytest.fixture(scope="module")
def served(redis_server: EmbeddedRedis) -> Iterator[tuple[JobQueue, WorkerProcess]]:
    """A worker that serves its metrics, and its producer."""
    prefix = f"test-{fresh_name()[:12]}"
    with (
        JobQueue(redis_server.url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=1) as ollama,
        WorkerProcess(redis_server.url, ollama.url, prefix=prefix, metrics_port=0) as worker,
    ):
        worker.start().ready(queue)
        queue.generate(MODEL, "x").result(30)
        with redis.Redis.from_url(redis_server.url) as plain:
            plain.xadd(f"{prefix}:inbox", {"id": "bad", "kind": "generate", "request": "no JSON"})
        wait_until(lambda: len(queue.dead()) == 1)
        yield queue, worker


@pytest.fixture(scope="module")
def ask(served: tuple[JobQueue, WorkerProcess], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """A Prometheus with our files, that looks each second; asks its API."""
    folder, port = tmp_path_factory.mktemp("prometheus"), find_free_port()
    changes = {
        BY_NAME: f'static_configs: [{{targets: ["127.0.0.1:{port_of(served[1])}"]}}]',
        "127.0.0.1:9090": f"127.0.0.1:{port}",
        "interval: 15s": "interval: 1s",
        "timeout: 10s": "timeout: 1s",
        "/etc/prometheus": str(folder),
    }
    render(FOLDER / "prometheus.yml", folder / "prometheus.yml", changes)
    render(FOLDER / "alerts.yml", folder / "alerts.yml", {})
    command = [require_program("prometheus"), f"--config.file={folder}/prometheus.yml"]
    command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with Running("prometheus", command, folder, {}) as prometheus:
        prometheus.wait_listening(port)

        def ask(path: str) -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=30) as answer:
                told = json.loads(answer.read())
            assert told["status"] == "success", told
            return told["data"]

        wait_until(lambda: _ready(ask))
        yield ask


def _ready(ask: Ask) -> bool:
    try:
        return bool(value(ask, "llamaq_redis_up"))
    except urllib.error.HTTPError:  # 503: it still reads its storage
        return False


def value(ask: Ask, expression: str) -> list[dict[str, Any]]:
    """The series of an instant query."""
    found: list[dict[str, Any]] = ask(f"query?query={urllib.parse.quote(expression)}")["result"]
    return found


def test_it_scrapes_the_worker(ask: Ask) -> None:
    """The target is up, and a job that ended is counted."""
    targets = {target["labels"]["job"]: target["health"] for target in ask("targets")["activeTargets"]}
    assert targets["llamaq"] == "up"
    (series,) = value(ask, 'max by (state) (llamaq_jobs_ended_total{state="completed"})')
    assert float(series["value"][1]) == 1


def test_rules_are_evaluated_and_the_right_one_is_raised(ask: Ask) -> None:
    """A message that was set aside raises its alert and no other; no rule fails."""
    wait_until(lambda: [alert["labels"]["alertname"] for alert in ask("alerts")["alerts"]] == ["LlamaqDeadLetters"])
    (group,) = ask("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_prometheus_takes_each_query_of_the_dashboard(ask: Ask, expression: str) -> None:
    """With Grafana's variables filled in, none is refused."""
    filled = expression.replace("$model", ".*").replace("$__rate_interval", "1m")
    assert isinstance(value(ask, filled), list)
