"""`run.py worker check`: each thing that the runbook starts with is looked at, and has its remedy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import Fleet
from embedded.scripted.launcher import ScriptedOllama
from embedded.scripted.script import MODELS, ScriptedModel
from llamaq.store.clock import Clock
from llamaq.store.connections.address import describe_url
from ops import credentials
from ops.topology.redis_server import LockedRedis
from worker.certificate_expiry import CertificateCollector
from worker.preflight import ollama_checks, redis_checks, report
from worker.preflight.finding import Finding
from worker.preflight.report import check
from worker.settings.environment import Settings


@pytest.fixture(scope="module")
def host() -> Iterator[ScriptedOllama]:
    """Only to be looked at."""
    with ScriptedOllama.start() as host:
        yield host


@pytest.fixture
def plain() -> Iterator[EmbeddedRedis]:
    """A Redis to be set wrong."""
    with EmbeddedRedis.start(appendonly=False) as server:
        yield server


def found(findings: Iterator[Finding], name: str) -> Finding:
    """The one finding of a name."""
    (finding,) = (finding for finding in findings if finding.name == name)
    return finding


def in_redis(url: str, name: str, **settings: Any) -> Finding:
    """One finding about a Redis."""
    return found(redis_checks.check_redis(Settings(redis_url=url, **settings)), name)


def test_the_deployment_of_ops_has_nothing_wrong(
    locked_redis: LockedRedis, secrets: Path, host: ScriptedOllama
) -> None:
    """With the files of ops/redis and the worker's user every finding is well, and no secret is shown."""
    config = Settings(
        redis_url=locked_redis.bare_url("worker"),
        redis_password_file=str(secrets / "redis_worker"),
        ollama_url=host.url,
    )

    findings = list(check(config))

    assert [finding for finding in findings if finding.well is not True] == []
    assert {finding.name for finding in findings} >= {
        *("redis", "redis persistence", "redis eviction", "redis memory", "redis rights", "clock"),
        *("ollama", "models", "slots"),
    }
    assert (secrets / "redis_worker").read_text() not in str(findings)


@pytest.mark.parametrize("user", ["producer", "flower"])
def test_a_user_with_too_few_rights_is_told_which(user: str, locked_redis: LockedRedis) -> None:
    """What it may not do, and the file to compare with. A user that may not even look is told to look at the ACL."""
    config = Settings(redis_url=locked_redis.url(user))
    findings = list(redis_checks.check_redis(config))
    wrong = [finding for finding in findings if finding.well is False]

    assert len(wrong) == 1
    assert "ACL" in wrong[0].message or "users.acl" in wrong[0].message
    if wrong[0].name == "redis rights":
        assert "llamaq.scripts" in wrong[0].message


def test_the_default_user_is_to_be_minded(plain: EmbeddedRedis) -> None:
    """It works, and everybody may do everything."""
    finding = in_redis(plain.url, "redis rights")

    assert finding.well is None
    assert "users.acl" in finding.message


@pytest.mark.parametrize(
    ("right", "name", "message"),
    [
        ("-info", "redis", "'info' command; look at the user and password in LLAMAQ_REDIS_URL, and at the ACL"),
        ("-time", "redis rights", "may not run scripts (the command TIME: "),
        ("-xlen", "redis rights", "may not use llamaq:inbox (this user has no permissions to run the 'xlen' command)"),
    ],
)
def test_a_right_that_is_missing_is_named(plain: EmbeddedRedis, right: str, name: str, message: str) -> None:
    """One line with the command, whichever it is, and no traceback."""
    with redis.Redis.from_url(plain.url) as client:
        client.acl_setuser("u", enabled=True, nopass=True, commands=["+@all", right], keys=["*"], channels=["*"])
    url = plain.url.replace("//", "//u:x@")

    wrong = [one for one in redis_checks.check_redis(Settings(redis_url=url)) if one.well is False]

    assert [one.name for one in wrong] == [name]
    assert message in wrong[0].message
    assert name == "redis rights" or describe_url(plain.url) in wrong[0].message


@pytest.mark.parametrize(("command", "name"), [("INFO", "redis"), ("TIME", "redis rights"), ("XLEN", "redis rights")])
def test_a_command_that_is_renamed_away_is_told(monkeypatch: pytest.MonkeyPatch, command: str, name: str) -> None:
    """With the line of redis.conf to look for. A worker would fail at it."""
    monkeypatch.setattr(EmbeddedRedis, "_read_version", lambda _, client: client.ping())  # it asks by INFO
    with EmbeddedRedis.start(appendonly=False, options=("--rename-command", command, "")) as server:
        wrong = [one for one in redis_checks.check_redis(Settings(redis_url=server.url)) if one.well is False]

    assert [one.name for one in wrong] == [name]
    assert "`rename-command` in redis.conf" in wrong[0].message
    assert command in wrong[0].message.upper()


def test_a_wrong_password_is_named(locked_redis: LockedRedis) -> None:
    """With the variable to look at, and without the password."""
    url = locked_redis.url("worker").replace("llamaq-worker:", "llamaq-worker:nonsense")

    finding = in_redis(url, "redis")

    assert finding.well is False
    assert "LLAMAQ_REDIS_URL" in finding.message
    assert "nonsense" not in finding.message


@pytest.mark.parametrize(
    ("setting", "value", "name", "well", "remedy"),
    [
        ("maxmemory-policy", "allkeys-lru", "redis eviction", False, "maxmemory-policy noeviction"),
        ("maxmemory", "0", "redis memory", None, "set `maxmemory`"),
        ("maxmemory", "512kb", "redis memory", None, "LLAMAQ_RESULT_TTL"),
        ("appendonly", "no", "redis persistence", None, "appendonly yes"),
    ],
)
def test_what_is_set_wrong_in_redis_has_its_remedy(
    setting: str, value: str, name: str, well: bool | None, remedy: str, plain: EmbeddedRedis
) -> None:
    """Each setting by itself."""
    with redis.Redis.from_url(plain.url) as client:
        client.config_set(setting, value)

    finding = in_redis(plain.url, name)

    assert finding.well is well
    assert remedy in finding.message


@pytest.mark.parametrize(
    ("version", "well"), [("6.0.9", False), ("6.2.14", None), ("7.0.15", True), ("7.4.6", True), ("10.0.1", True)]
)
def test_each_version_of_redis_has_its_verdict(version: str, well: bool | None) -> None:
    """Below 6.2 it does not work; below 7.0 it does, and is not for production."""
    assert redis_checks._check_version({"redis_version": version}, "r:1").well is well


def test_an_append_only_file_that_cannot_be_written_is_wrong() -> None:
    """A full disk shows here first."""
    broken = {"aof_enabled": 1, "aof_last_write_status": "err", "aof_last_bgrewrite_status": "ok"}

    finding = redis_checks._check_persistence(broken)

    assert finding.well is False
    assert "disk" in finding.message


def test_clocks_that_are_apart_are_named(plain: EmbeddedRedis) -> None:
    """By how much, and that jobs do not suffer from it."""

    class Ahead(Clock):
        def time(self) -> float:
            return super().time() + 90

    finding = found(redis_checks.check_redis(Settings(redis_url=plain.url), Ahead()), "clock")

    assert finding.well is None
    assert "90 s apart" in finding.message
    assert "NTP" in finding.message


def test_workers_of_one_host_that_disagree_are_named(plain: EmbeddedRedis) -> None:
    """Who reports last would decide for all."""
    with redis.Redis.from_url(plain.url) as client:
        client.hset("llamaq:host:gpu", mapping={"slots": "4", "max_models": "1"})

    finding = in_redis(plain.url, "slots", host="gpu", slots=2)

    assert finding.well is None
    assert "LLAMAQ_SLOTS=2 here, 4 there" in finding.message


@pytest.mark.parametrize(
    ("ours", "ollamas", "well"), [(4, "4", True), (4, "2", None), (2, "4", None), (4, "0", True), (4, "", True)]
)
def test_slots_are_held_against_ollamas_own(
    ours: int, ollamas: str, well: bool | None, monkeypatch: pytest.MonkeyPatch, host: ScriptedOllama
) -> None:
    """Where Ollama's variable is set beside the worker, the two have to agree."""
    monkeypatch.setenv("OLLAMA_NUM_PARALLEL", ollamas)
    monkeypatch.setenv("LLAMAQ_SLOTS", str(ours))

    finding = found(ollama_checks.check_ollama(Settings(ollama_url=host.url)), "slots")

    assert finding.well is well
    if well is None:
        assert f"OLLAMA_NUM_PARALLEL={ollamas}" in finding.message


@pytest.mark.parametrize(
    ("version", "well"), [("0.17.0", None), ("0.20.2", None), ("0.20.3", True), ("0.32.15", True), ("0.0.0", True)]
)
def test_versions_of_ollama_with_known_holes_are_named(version: str, well: bool | None) -> None:
    """With the version that mends them; a build of one's own has no number to go by."""
    assert ollama_checks._check_version(version, "http://gpu").well is well


def test_a_host_without_models_is_to_be_minded() -> None:
    """And is told how to get one."""
    with ScriptedOllama.start() as host:
        for model in MODELS:
            host.remove_model(model.name)
        finding = found(ollama_checks.check_ollama(Settings(ollama_url=host.url)), "models")

    assert finding.well is None
    assert "ollama pull" in finding.message


def test_what_a_host_says_does_not_reach_the_terminal(
    plain: EmbeddedRedis, capsys: pytest.CaptureFixture[str], host: ScriptedOllama
) -> None:
    """Control characters of its texts would change what the operator sees."""
    host.script(path="/api/version", status=500, body={"error": "\x1b[2Jbusy"})

    assert report.main(Settings(redis_url=plain.url, ollama_url=host.url)) == 1

    said = capsys.readouterr().out
    assert "WRONG ollama: \u241b[2Jbusy" in said
    assert "\x1b" not in said


def test_models_that_the_worker_leaves_out_are_not_among_its_own() -> None:
    """No request can name them."""
    with ScriptedOllama.start(models=[ScriptedModel("a b:latest"), ScriptedModel("well:latest")]) as host:
        findings = list(ollama_checks.check_ollama(Settings(ollama_url=host.url)))

    offered, left_out = (finding for finding in findings if finding.name == "models")
    assert (offered.well, offered.message) == (True, "well:latest")
    assert left_out.well is None
    assert "'a b:latest' cannot be used" in left_out.message


def test_damaged_keys_are_told(plain: EmbeddedRedis) -> None:
    """What was found, what has to be there, and where it is kept."""
    with redis.Redis.from_url(plain.url) as client:
        client.set("llamaq:leases", "x")
        fleet = Fleet(plain.url, "llamaq")
        fleet.open_store().mend()
        fleet.close()
    finding = in_redis(plain.url, "keys")
    assert finding.well is None
    assert "llamaq:leases: 'string' instead of a zset" in finding.message
    assert "llamaq:damaged:<key>" in finding.message


class _Later(Clock):
    """Half a day after the warning begins."""

    def time(self) -> float:
        return super().time() + (credentials.DAYS - 29.5) * 86_400


def test_a_certificate_that_ends_is_told_30_days_before(locked_redis: LockedRedis, secrets: Path) -> None:
    """By the connection to Redis; the metric has the same figure."""
    config = Settings(
        redis_url=locked_redis.bare_url("worker"),
        redis_password_file=str(secrets / "redis_worker"),
        ollama_url="http://127.0.0.1:1",
    )
    assert found(check(config), "redis certificate").well is True
    later = _Later()

    told = found(check(config, later), "redis certificate")

    assert told.well is None
    assert told.message.endswith("days: renew it (python3 run.py ops credentials)")
    (family,) = CertificateCollector(config, later).collect()
    days = {sample.labels["server"]: sample.value for sample in family.samples}
    assert 29 < days["redis"] < 30
    assert days["ollama"] == float("inf")
