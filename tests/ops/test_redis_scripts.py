"""The scripts under the ACL: that each may do what it does, and that they are there when a producer needs them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.scripted.launcher import ScriptedOllama
from llamaq import BrokerUnavailable, JobQueue
from llamaq.store import script_runs, scripts
from llamaq.store.arguments import Arguments
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import PRODUCER_SCRIPTS
from llamaq.store.worker.worker_scripts import WORKER_SCRIPTS
from ops.topology.redis_server import start_redis
from tests.conftest import MODEL
from tests.ops.test_redis_users import as_user
from tests.worker_process import WorkerProcess
from worker.duties.script_registry import ScriptRegistry, fleet_scripts


@pytest.fixture
def host() -> Iterator[ScriptedOllama]:
    """A scripted host with two slots."""
    with ScriptedOllama.start(slots=2) as host:
        yield host


def commands(called: Iterable[type[Arguments]]) -> set[str]:
    """Every command that these scripts call, with the subcommand of MEMORY."""
    texts = [scripts.load(arguments).text for arguments in called]
    calls = r"redis\.p?call\(\s*'(MEMORY', '\w+|\w+)'"
    return {name.lower().replace("', '", " ") for text in texts for name in re.findall(calls, text)}


def test_the_acl_grants_what_the_scripts_call(auditor: Any) -> None:
    """A script that is refused half-way leaves its half behind: so each command in it is looked at here."""
    known = auditor.command()

    def missing(user: str, names: set[str]) -> list[str]:
        return [name for name in sorted(names) if dry_run(user, name) != "OK"]

    def dry_run(user: str, name: str) -> object:
        words = name.split()
        keys = abs(int(known[words[0]]["arity"])) - 1  # of MEMORY: its subcommand, in place of which there is a key
        return auditor.execute_command("ACL DRYRUN", f"llamaq-{user}", *words, *["llamaq:x"] * keys)

    assert missing("producer", commands(PRODUCER_SCRIPTS)) == []
    assert missing("worker", commands(PRODUCER_SCRIPTS + WORKER_SCRIPTS)) == []


@pytest.mark.needs("redis-server 7")
def test_the_scripts_come_back_after_a_restart_of_redis(
    secrets: Path, host: ScriptedOllama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis forgets its scripts when it restarts, and a producer may load none: the workers do, of any version."""
    server = start_redis(tmp_path, secrets, tls=False)
    try:
        settings = {"redis_password_file": secrets / "redis_worker", "slots": 2}
        with (
            JobQueue(server.url("producer")) as queue,
            WorkerProcess(server.bare_url("worker"), host.url, None, **settings) as worker,
        ):
            with monkeypatch.context() as hurried:
                hurried.setattr(script_runs, "POLL_SECONDS", 0.01)
                with pytest.raises(BrokerUnavailable, match="start a worker"):
                    queue.generate(MODEL, "x")
            worker.start().ready(queue)
            older = "return 'an older version'"
            with as_user(server, "worker") as client:
                sha = client.script_load(older)
                client.hset(Keys("llamaq").scripts(), sha, older)
                client.hset(Keys("llamaq").scripts(), "0" * 40, "return 'under a false name'")
            kept = queue.generate(MODEL, "before the restart")
            text = kept.result(60).text
            server.redis.stop()
            server = start_redis(tmp_path, secrets, tls=False, port=server.port)
            assert queue.generate(MODEL, "x").result(60).text
            # Redis reads its file back under the ACL's default user: without rights, it would skip all of it.
            assert kept.result(60).text == text
            assert "NOPERM" not in server.redis.log()
            with as_user(server, "producer") as client:
                assert client.evalsha(sha, 0) == "an older version"
                assert client.script_exists("0" * 40) == [False]
    finally:
        server.redis.stop()


def test_the_registry_asks_once_and_loads_only_what_is_missing(auditor: Any) -> None:
    """A round costs a question; what was deleted from the hash is written again."""
    registry = ScriptRegistry(auditor, Keys("test"))
    try:
        assert registry.load() >= len(fleet_scripts())
        assert registry.load() == 0
        auditor.delete("test.scripts")
        assert registry.load() >= len(fleet_scripts())
    finally:
        auditor.delete("test.scripts")
