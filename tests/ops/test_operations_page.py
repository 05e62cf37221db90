"""docs/operations.md: what it tells an operator to do works, and each alert has its entry."""

import re
import shutil
from pathlib import Path

import pytest
import redis
import yaml

from llamaq import JobQueue
from ops import credentials
from ops.topology.redis_server import LockedRedis, start_redis
from ops.topology.running import Running, require_program
from tests.commands import run
from tests.service import wait_until
from tests.worker_process import CHECKOUT

PAGE = (CHECKOUT / "docs" / "operations.md").read_text()
OBSERVABILITY = (CHECKOUT / "docs" / "observability.md").read_text()
ALERTS = CHECKOUT / "ops" / "prometheus" / "alerts.yml"


def test_each_alert_has_its_entry_in_the_runbook() -> None:
    """It has a row in the table of alerts, too. No entry or row is of an alert that is no more."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    entries = set(re.findall(r"^### (Llamaq\w+)$", PAGE, re.MULTILINE))

    assert entries == alerts
    assert set(re.findall(r"^\| `(Llamaq\w+)` \|", OBSERVABILITY, re.MULTILINE)) == alerts


def test_what_the_page_names_is_there() -> None:
    """Files of the repository and pages that it links to."""
    linked = [CHECKOUT / "docs" / link for link in re.findall(r"\]\(([^)#:]+)\)", PAGE)]
    named = [CHECKOUT / path for path in re.findall(r"(?<![/\w])ops/[\w./@-]+\w", PAGE) if "secrets" not in path]

    assert linked
    assert named
    assert [str(path) for path in [*linked, *named] if not path.exists()] == []


@pytest.mark.needs("redis-server 7")
def test_a_backup_taken_while_it_runs_can_be_restored(secrets: Path, tmp_path: Path) -> None:
    """The append-only directory, copied as the page says; what was queued then is queued in the restored one."""
    running, restored = tmp_path / "running", tmp_path / "restored"
    running.mkdir()
    restored.mkdir()
    server = start_redis(running, secrets, tls=False)
    with server.redis, JobQueue(server.url("auditor")) as queue, redis.Redis.from_url(server.url("auditor")) as admin:
        job = queue.generate("llama3.2", "kept")
        assert re.search("config set auto-aof-rewrite-percentage 0", PAGE)
        admin.config_set("auto-aof-rewrite-percentage", 0)
        assert admin.info("persistence")["aof_rewrite_in_progress"] == 0
        # What came in the last second may not be in the file yet.
        wait_until(
            lambda: any(job.id in path.read_text(errors="replace") for path in running.glob("appendonlydir/*.aof"))
        )
        shutil.copytree(running / "appendonlydir", restored / "appendonlydir")
        later = queue.generate("llama3.2", "after the copy")
    server = start_redis(restored, secrets, tls=False)
    with server.redis, JobQueue(server.url("auditor")) as queue:
        assert queue.job(job.id).status().state == "queued"
        assert later.id not in {status.id for status in queue.jobs()}


@pytest.mark.needs("redis-server 7")
def test_a_snapshot_is_restored_as_the_page_says_and_not_by_a_start_beside_it(secrets: Path, tmp_path: Path) -> None:
    """Redis with an append-only file does not read `dump.rdb`, until it was started once without one."""
    running, beside, restored = (tmp_path / name for name in ("running", "beside", "restored"))
    for folder in (running, beside, restored):
        folder.mkdir()
    server = start_redis(running, secrets, tls=False)
    with server.redis, JobQueue(server.url("auditor")) as queue, redis.Redis.from_url(server.url("auditor")) as admin:
        job = queue.generate("llama3.2", "kept")
        admin.bgsave()
        wait_until((running / "dump.rdb").exists)
    for folder in (beside, restored):
        shutil.copy(running / "dump.rdb", folder)

    assert _waiting(start_redis(beside, secrets, tls=False)) == []
    for line in ("`--appendonly no`", "`redis-cli ... config set appendonly yes`"):
        assert line in PAGE
    once = [require_program("redis-server"), str(running / "redis.conf"), "--dir", str(restored), "--appendonly", "no"]
    with (
        Running("redis", once, restored, {}).wait_listening(server.port),
        redis.Redis.from_url(server.url("auditor")) as admin,
    ):
        admin.config_set("appendonly", "yes")
        wait_until(lambda: admin.info("persistence")["aof_rewrite_in_progress"] == 0)
        assert admin.info("persistence")["aof_last_bgrewrite_status"] == "ok"
    assert _waiting(start_redis(restored, secrets, tls=False)) == [job.id]


@pytest.mark.needs("redis-server 7", "redis-cli")
def test_a_password_is_changed_without_an_interruption(secrets: Path, tmp_path: Path) -> None:
    """Between the two commands of the page Redis takes the old and the new one; after them the new one alone."""
    folder = tmp_path / "secrets"
    shutil.copytree(secrets, folder)
    server = start_redis(tmp_path, folder, tls=False)
    with server.redis:
        old = server.url("producer")
        assert _may_enter(old)  # Redis listens before it reads the file of users, which must be the old one
        (folder / "redis_producer").unlink()
        credentials.make_files(folder)
        new = server.url("producer")

        assert (_may_enter(old), _may_enter(new)) == (True, False)
        _typed("acl setuser", server)
        assert (_may_enter(old), _may_enter(new)) == (True, True)
        _typed("acl load", server)
        assert (_may_enter(old), _may_enter(new)) == (False, True)


def _may_enter(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            return False


def _typed(command: str, server: LockedRedis) -> None:
    """Run a command of the page."""
    (line,) = re.findall(rf"`(redis-cli \.\.\. {command}[^`]*)`", PAGE)
    line = line.replace("redis-cli ...", f"redis-cli -p {server.port} --user llamaq-admin --askpass")
    line = line.replace("ops/secrets", str(server.secrets))
    done = run(["sh", "-c", f"{line} < {server.secrets / 'redis_admin'}"])
    assert "OK" in done.stdout, done.stdout + done.stderr


def _waiting(server: LockedRedis) -> list[str]:
    """The ids of the jobs that this Redis has; it is stopped."""
    with server.redis, JobQueue(server.url("auditor")) as queue:
        return [status.id for status in queue.jobs()]


@pytest.mark.parametrize("word", ["appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"])
def test_the_redis_of_ops_keeps_what_it_took(word: str) -> None:
    """What the page builds on stands in the file."""
    assert f"\n{word}\n" in (CHECKOUT / "ops" / "redis" / "redis.conf").read_text()
