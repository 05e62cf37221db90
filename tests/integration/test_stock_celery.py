"""The message that the store's scripts make, taken by a Celery worker that knows nothing of llamaq."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.child import bind_command
from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet
from tests import uv

HOST = "alpha:11434"
WAIT_SECONDS = 60
WORKER = """
import os
from celery import Celery
from redis import Redis

app = Celery("stock", broker=os.environ["BROKER"])

@app.task(name="llamaq.generate", bind=True, ignore_result=True)
def generate(task, job_id):
    with Redis.from_url(os.environ["BROKER"]) as redis:
        redis.rpush(os.environ["TAKEN"], f"{task.request.id} {job_id}")
"""
CHECKOUT = Path(__file__).parents[2]


def allowed() -> str:
    """What pyproject.toml asks for, as pip takes it."""
    service = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["dependency-groups"]["service"]
    (celery,) = [line for line in service if isinstance(line, str) and line.startswith("celery")]
    return str(celery)


def lowest() -> str:
    """The same, with the lowest version of the range."""
    found = re.match(r"(celery\[redis\])>=([\d.]+)", allowed())
    assert found, allowed()
    return f"{found[1]}=={found[2]}"


@contextmanager
def stock_worker(python: Path, folder: Path, fleet: Fleet, taken: str) -> Iterator[None]:
    """Celery's own command, on the host's queue."""
    (folder / "stock.py").write_text(WORKER)
    command = [str(python), "-m", "celery", "-A", "stock", "worker", "-P", "threads", "-c", "1", "-l", "INFO"]
    command += ["-Q", fleet.keys.host_queue(HOST), "--without-gossip", "--without-mingle"]
    variables = {"BROKER": fleet.url, "TAKEN": taken, "PATH": "/usr/bin:/bin"}
    with (folder / "log").open("w") as log:
        worker = subprocess.Popen(bind_command(command), cwd=folder, env=variables, stdout=log, stderr=log)
        try:
            yield
        finally:
            worker.terminate()
            worker.wait(WAIT_SECONDS)


@pytest.mark.needs("package index")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("requirement", [lowest(), allowed()], ids=["lowest", "newest"])
def test_a_stock_worker_takes_the_message(requirement: str, redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    """Of the lowest and the newest Celery that pyproject.toml allows: before and after it waits for messages."""
    fleet = Fleet(redis_server.url, f"stock-{tmp_path.name}")
    python = uv.environment(tmp_path, requirement)
    fleet.add_host(HOST, slots=2)
    taken, early = f"{fleet.keys.prefix}:taken", fleet.submit()
    with stock_worker(python, tmp_path, fleet, taken):
        for job in (early, fleet.submit()):
            found = fleet.redis.blpop([taken], timeout=WAIT_SECONDS)
            assert found == (taken, f"{job.id} {job.id}"), (tmp_path / "log").read_text()
    assert not fleet.redis.hlen("unacked")
    fleet.close()
