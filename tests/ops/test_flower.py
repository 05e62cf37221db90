"""Flower as compose starts it, behind nginx: its login, what can be found in it, and what cannot."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from embedded.redis import find_free_port
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from ops.topology.running import Running
from ops.topology.site import Site
from tests.commands import run
from tests.conftest import MODEL
from tests.ops.browser import Browser, Chromium
from tests.service import fresh_name, wait_until
from tests.worker_process import CHECKOUT
from worker.celery.broker_address import celery_settings

PROMPT = "planted-words-of-a-prompt"
RESULT = "planted-words-of-a-result"
FLOWER = [sys.executable, "-m", "celery", "--app", "worker.app", "flower", "--conf=ops/flower/flowerconfig.py"]
pytestmark = pytest.mark.xdist_group("topology")


@pytest.fixture(scope="module")
def flower(started_flower: Running, topology: Site) -> Running:
    """Flower, which sees the worker."""
    wait_until(lambda: len(workers(topology, "?refresh=1")) == 1)
    return started_flower


@pytest.fixture
def producer(topology: Site) -> Iterator[JobQueue]:
    """A producer."""
    with topology.open_producer() as queue:
        yield queue


def password(topology: Site) -> str:
    """Of Flower's login."""
    return (topology.secrets / "flower_password").read_text()


def curl(topology: Site, path: str, *more: str, login: bool = True) -> tuple[int, str]:
    """Status and body of a page, through the door."""
    user = ["--user", f"llamaq:{password(topology)}"] if login else []
    command = ["curl", "-s", "-w", "\n%{http_code}", "--cacert", str(topology.secrets / "ca.pem"), *user, *more]
    done = run([*command, f"{topology.nginx.url}/flower/{path}"], timeout=60, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def workers(topology: Site, more: str = "") -> dict[str, Any]:
    """What the API tells of the workers."""
    status, body = curl(topology, f"api/workers{more}")
    found: dict[str, Any] = json.loads(body) if status == 200 else {}
    return {name: about for name, about in found.items() if about.get("stats") or not more}


def seen(topology: Site, job_id: str) -> dict[str, Any]:
    """A task as the API tells it; empty while it is not known."""
    found: dict[str, Any] = json.loads(curl(topology, "api/tasks")[1]).get(job_id, {})
    return found


def start_running(producer: JobQueue, topology_host: ScriptedOllama) -> tuple[str, str]:
    """A job that runs until its gate is opened: its id and the gate."""
    gate = fresh_name()
    topology_host.script(tokens=[RESULT], hold=gate)
    job = producer.generate(MODEL, PROMPT)
    topology_host.wait(lambda stats: stats["held"].get(gate, 0) == 1)
    return job.id, gate


@pytest.mark.needs("chromium")
def test_a_running_job_is_found_in_a_browser(
    topology: Site,
    flower: Running,
    producer: JobQueue,
    topology_host: ScriptedOllama,
    chromium: Chromium,
    tmp_path: Path,
) -> None:
    """Log in, type the job's id, read its kind, model and state, see the worker; nowhere the prompt."""
    job_id, gate = start_running(producer, topology_host)
    wait_until(lambda: seen(topology, job_id).get("state") == "STARTED")
    with Browser(chromium, ("llamaq", password(topology))) as browser:
        browser.open(f"{topology.nginx.url}/flower/tasks")
        browser.wait("!!document.querySelector('input[type=search]')")
        browser.enter("input[type=search]", job_id)
        row = "[...document.querySelectorAll('#tasks-table tbody tr')]"
        browser.wait(f"{row}.length === 1 && {row}[0].innerText.includes('llamaq.generate')")
        found = browser.text()
        assert job_id[:8] in found
        assert MODEL in found
        assert "STARTED" in found
        picture = os.environ.get("LLAMAQ_SCREENSHOT")
        browser.screenshot(Path(picture) if picture else tmp_path / "flower.png")

        browser.open(f"{topology.nginx.url}/flower/task/{job_id}")
        page = browser.source()
        assert "llamaq.generate" in page
        assert MODEL in page
        assert PROMPT not in page
        (worker,) = workers(topology)
        browser.open(f"{topology.nginx.url}/flower/workers")
        browser.wait(f"document.body.textContent.includes({json.dumps(worker)})")
    topology_host.release(gate)
    assert producer.job(job_id).result(30).text == RESULT
    wait_until(lambda: seen(topology, job_id)["state"] == "SUCCESS")


@pytest.mark.needs("chromium")
def test_nobody_gets_in_without_the_password(topology: Site, flower: Running, chromium: Chromium) -> None:
    """Every page and the API ask for it; a browser that has none sees nothing."""
    for path in ("", "workers", "tasks", "broker", "api/workers", "api/tasks", "api/queues/length"):
        assert curl(topology, path, login=False)[0] == 401, path
        assert curl(topology, path)[0] == 200, path
    with Browser(chromium) as browser:
        browser.open(f"{topology.nginx.url}/flower/tasks")
        assert 401 in browser.statuses.values()
        assert "llamaq" not in browser.text()


def test_the_two_pages_that_flower_leaves_open_are_closed(topology: Site, flower: Running) -> None:
    """From outside by nginx, from inside by the login."""

    def status(page: str, *login: str) -> str:
        command = [
            "curl",
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            *login,
            f"{topology.flower_url}/flower/{page}",
        ]
        return run(command, timeout=30, check=True).stdout

    for page in ("metrics", "healthcheck"):
        assert curl(topology, page)[0] == 403
        assert status(page) == "401"
        assert status(page, "--user", f"llamaq:{password(topology)}") == "200"


@pytest.mark.parametrize(
    "path",
    ["task/send-task/llamaq.generate", "task/async-apply/llamaq.generate", "task/revoke/x", "worker/shutdown/x"],
)
def test_one_may_look_and_not_touch(path: str, topology: Site, flower: Running) -> None:
    """With the login, too: what would change something is refused."""
    assert curl(topology, f"api/{path}", "-X", "POST", "-d", '{"args": []}')[0] == 403


def by_name(topology: Site, job_id: str, request: object) -> None:
    """Send a request by task name as another backend would, and announce it in an event of the sender's own."""
    url = topology.redis.url("producer")
    with Celery("backend", broker=url, set_as_current=False) as app:
        app.conf.update(celery_settings(url))
        app.send_task("llamaq.generate", kwargs={"request": request}, queue="llamaq", task_id=job_id, shadow=PROMPT)


def sent_event(topology: Site, job_id: str) -> None:
    """`task_send_sent_event`: the producer's user may not send it, but one who may could."""
    url = topology.redis.url("flower")
    with Celery("backend", broker=url, set_as_current=False) as app:
        app.conf.update(celery_settings(url))
        with app.events.default_dispatcher() as events:
            fields = {"name": f"llamaq.generate {PROMPT}", "args": f"('{PROMPT}',)", "kwargs": f"{{'x': '{PROMPT}'}}"}
            events.send("task-sent", uuid=job_id, **fields)
            events.send("task-failed", uuid=job_id, exception=f"E({PROMPT})", traceback=PROMPT, result=PROMPT)


def everything(topology: Site) -> str:
    """All that Flower tells, in pages and API."""
    (worker,) = workers(topology)
    text = json.dumps(workers(topology, "?refresh=1"))
    text += "".join(
        curl(topology, path)[1] for path in ("", "workers", "tasks", "broker", f"worker/{worker}", "api/tasks")
    )
    for job_id in json.loads(curl(topology, "api/tasks")[1]):
        text += curl(topology, f"task/{job_id}")[1] + curl(topology, f"api/task/info/{job_id}")[1]
    query = "draw=1&start=0&length=100&search[value]=&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name"
    return text + curl(topology, f"tasks/datatable?{query}", "--globoff")[1] + curl_inside(topology, "metrics")


def curl_inside(topology: Site, page: str) -> str:
    """A page that nginx keeps from outside."""
    command = ["curl", "-s", "--user", f"llamaq:{password(topology)}", f"{topology.flower_url}/flower/{page}"]
    return run(command, timeout=30, check=True).stdout


def test_prompts_results_and_passwords_never_appear(
    topology: Site, flower: Running, producer: JobQueue, topology_host: ScriptedOllama
) -> None:
    """While a job sent by name runs, after it, of one that was refused, and of events that others send."""
    job_id, bad, other = (f"{name}-{fresh_name()[:8]}" for name in ("named", "bad", "other"))
    gate = fresh_name()
    topology_host.script(tokens=[RESULT], hold=gate)
    by_name(topology, job_id, {"model": MODEL, "prompt": PROMPT})
    topology_host.wait(lambda stats: stats["held"].get(gate, 0) == 1)
    by_name(topology, bad, {"model": MODEL, "prompt": PROMPT, "nonsense": 1})
    sent_event(topology, other)
    wait_until(lambda: seen(topology, job_id).get("state") == "STARTED")
    wait_until(lambda: seen(topology, other).get("state") == "FAILURE")
    wait_until(lambda: seen(topology, bad).get("state") == "FAILURE")
    assert seen(topology, bad)["exception"] == "invalid_request"
    told = everything(topology)
    topology_host.release(gate)
    wait_until(lambda: seen(topology, job_id)["state"] == "SUCCESS")
    told += everything(topology)

    assert job_id in told
    assert MODEL in told
    secrets = [path.read_text().strip() for path in topology.secrets.iterdir() if path.name.startswith("redis_")]
    secrets += [(topology.secrets / "ollama_token").read_text(), password(topology)]
    assert [word for word in (PROMPT, RESULT, *secrets) if word in told] == []
    assert [word for word in (PROMPT, RESULT, *secrets) if word in flower.log() + topology.worker.log()] == []


def test_states_are_those_of_the_job(
    topology: Site, flower: Running, producer: JobQueue, topology_host: ScriptedOllama
) -> None:
    """One that fails is a failure, one that is cancelled is revoked; one that is tried again shows it."""
    topology_host.script(status=400, body={"error": "no"})
    failed = producer.generate(MODEL, "x")
    wait_until(lambda: seen(topology, failed.id).get("state") == "FAILURE")
    assert seen(topology, failed.id)["exception"] == failed.status().error.code  # type: ignore[union-attr]  # it failed

    cancelled, gate = start_running(producer, topology_host)
    producer.job(cancelled).cancel()
    wait_until(lambda: seen(topology, cancelled).get("state") == "REVOKED")
    topology_host.release(gate)

    topology_host.script(tokens=["a"], fault="cut")
    again = producer.generate(MODEL, "x")
    assert again.result(60).attempts > 1
    wait_until(lambda: seen(topology, again.id).get("state") == "SUCCESS")
    assert "'attempt': 2" in seen(topology, again.id)["kwargs"]


def test_it_listens_for_this_machine_alone(topology: Site, tmp_path: Path) -> None:
    """As in the systemd unit, for nginx on the same machine; containers name another address."""
    port = find_free_port()
    environment = {
        "LLAMAQ_REDIS_URL": topology.redis.bare_url("flower"),
        "LLAMAQ_REDIS_PASSWORD_FILE": str(topology.secrets / "redis_flower"),
        "LLAMAQ_FLOWER_PASSWORD_FILE": str(topology.secrets / "flower_password"),
    }
    with (
        Running("flower", [*FLOWER, f"--port={port}"], tmp_path, environment).wait_listening(port),
        pytest.raises(OSError, match="refused"),
        socket.create_connection(("127.0.0.2", port), 5),
    ):
        pass


@pytest.mark.parametrize("how", ["none", "empty", "missing"])
def test_it_does_not_start_without_a_password(how: str, tmp_path: Path) -> None:
    """It says which setting is missing, and serves nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "FLOWER_"))}
    file = tmp_path / "password"
    if how == "empty":
        file.write_text("\n")
    if how != "none":
        environment["LLAMAQ_FLOWER_PASSWORD_FILE"] = str(file)
    done = run([*FLOWER, "--port=0"], cwd=CHECKOUT, env=environment, timeout=60)

    assert done.returncode != 0
    assert "LLAMAQ_FLOWER_PASSWORD_FILE" in done.stderr
    assert (f"{file} " in done.stderr) == (how != "none"), "it names the file that was given, and no other"
    assert "nonexistent" not in done.stderr


def test_it_does_not_start_with_a_user_who_could_not_log_in(tmp_path: Path) -> None:
    """A login ends at its first colon."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LLAMAQ_", "FLOWER_"))}
    file = tmp_path / "password"
    file.write_text("secret\n")
    environment |= {"LLAMAQ_FLOWER_PASSWORD_FILE": str(file), "LLAMAQ_FLOWER_USER": "a:b"}
    done = run([*FLOWER, "--port=0"], cwd=CHECKOUT, env=environment, timeout=60)

    assert done.returncode != 0
    assert done.stderr.strip() == "LLAMAQ_FLOWER_USER: must be a name without a colon, not 'a:b'"
