"""The service's settings: each variable with its default."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

import certifi
import pytest
from pydantic import SecretStr, ValidationError

from tests.commands import run
from worker.duties.heartbeat import MISSED_SECONDS
from worker.settings.environment import Settings

CHECKOUT = Path(__file__).parents[4]
HERE = socket.gethostname()
# variable, default, a text for it, what that means
ONE_LINE = str(CHECKOUT / "worker" / "__init__.py")
"""A file that could hold a secret."""
SIGNING_FILE = str(Path(__file__).parent / "webhook_secret.txt")
SIGNING = Path(SIGNING_FILE).read_text().strip()
TABLE: list[tuple[str, Any, str, Any]] = [
    ("LLAMAQ_REDIS_URL", "redis://127.0.0.1:6379/0", "rediss://r:1/2", "rediss://r:1/2"),
    ("LLAMAQ_REDIS_PASSWORD_FILE", "", ONE_LINE, ONE_LINE),
    ("LLAMAQ_PREFIX", "llamaq", "team", "team"),
    ("LLAMAQ_ALLOW_CONTROL", 0, "1", 1),
    ("LLAMAQ_OLLAMA_URL", "http://127.0.0.1:11434", "http://gpu:1", "http://gpu:1"),
    ("LLAMAQ_OLLAMA_TOKEN", None, "secret", SecretStr("secret")),
    ("LLAMAQ_OLLAMA_TOKEN_FILE", "", ONE_LINE, ONE_LINE),
    ("LLAMAQ_OLLAMA_CA_FILE", None, certifi.where(), certifi.where()),
    ("LLAMAQ_HOST", f"{HERE}:11434", "gpu-1", "gpu-1"),
    ("LLAMAQ_SLOTS", 1, "4", 4),
    ("LLAMAQ_MAX_MODELS", 1, "2", 2),
    ("LLAMAQ_ORPHAN_SECONDS", 600, "60", 60),
    ("LLAMAQ_MAX_ATTEMPTS", 3, "5", 5),
    ("LLAMAQ_LEASE_SECONDS", 15, "2.5", 2.5),
    ("LLAMAQ_FLUSH_MS", 20, "0", 0),
    ("LLAMAQ_FLUSH_MAX_MS", 100, "0", 0),
    ("LLAMAQ_DRAIN_SECONDS", 30, "0", 0),
    ("LLAMAQ_RESULT_TTL", 86_400, "60", 60),
    ("LLAMAQ_CONVERSATION_TTL", 2_592_000, "60", 60),
    ("LLAMAQ_MAX_QUEUED", 10_000, "1", 1),
    ("LLAMAQ_MAX_QUEUED_PER_TENANT", 0, "1", 1),
    ("LLAMAQ_TENANT_WEIGHTS", "", "acme=3,free=1", "acme=3,free=1"),
    ("LLAMAQ_AFFINITY_PATIENCE", 15, "0.5", 0.5),
    ("LLAMAQ_LANE_PATIENCE", 60, "0", 0),
    ("LLAMAQ_MAX_PROMPT_CHARS", 200_000, "1", 1),
    ("LLAMAQ_MAX_EMBEDDING_CHARS", 10_000_000, "1", 1),
    ("LLAMAQ_MAX_IMAGE_BYTES", 20 * 1024 * 1024, "1", 1),
    ("LLAMAQ_MAX_IMAGE_PIXELS", 40_000_000, "1", 1),
    ("LLAMAQ_CALL_SECONDS", 15, "2.5", 2.5),
    ("LLAMAQ_MAX_CONNECTIONS", 1000, "1", 1),
    ("LLAMAQ_CONTROL_CHARACTERS", "refuse", "remove", "remove"),
    ("LLAMAQ_ALLOW_RAW", 0, "1", 1),
    ("LLAMAQ_FILTER_PATTERN", "", "[<>]", "[<>]"),
    ("LLAMAQ_FILTER_LENGTH", 0, "1000", 1000),
    ("LLAMAQ_PULL_ALLOWED", "", "llama3.2,qwen3:*", "llama3.2,qwen3:*"),
    ("LLAMAQ_PROBE_SECONDS", 5, "0.5", 0.5),
    ("LLAMAQ_LIVENESS_FILE", "", "alive", "alive"),
    ("LLAMAQ_LOG_FORMAT", None, "console", "console"),
    ("LLAMAQ_METRICS_PORT", None, "9100", 9100),
    ("LLAMAQ_METRICS_HOST", "127.0.0.1", "0.0.0.0", "0.0.0.0"),
    ("LLAMAQ_WEBHOOK_SECRET", None, SIGNING, SecretStr(SIGNING)),
    ("LLAMAQ_WEBHOOK_SECRET_FILE", "", SIGNING_FILE, SIGNING_FILE),
    ("LLAMAQ_WEBHOOK_PRIVATE", 0, "1", 1),
    ("LLAMAQ_OTEL", None, "otlp", "otlp"),
    ("LLAMAQ_OTEL_CONTENT", 0, "1", 1),
]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("LLAMAQ_", "OLLAMA_")):
            monkeypatch.delenv(name)


def _attribute(variable: str, settings: Settings) -> Any:
    return getattr(settings, variable.removeprefix("LLAMAQ_").lower())


def test_the_table_has_every_setting() -> None:
    """A setting that is added belongs here."""
    assert {f"LLAMAQ_{name.upper()}" for name in Settings.model_fields} == {variable for variable, *_ in TABLE}


@pytest.mark.parametrize(("variable", "default", "text", "value"), TABLE, ids=[row[0] for row in TABLE])
def test_each_variable_has_its_default_and_is_read(
    variable: str, default: Any, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not set, or set to nothing, it is the default; set, it is that."""
    assert _attribute(variable, Settings()) == default
    monkeypatch.setenv(variable, "")
    assert _attribute(variable, Settings()) == default
    monkeypatch.setenv(variable, text)
    assert _attribute(variable, Settings()) == value


@pytest.mark.parametrize(
    ("ours", "ollamas"),
    [("LLAMAQ_SLOTS", "OLLAMA_NUM_PARALLEL"), ("LLAMAQ_MAX_MODELS", "OLLAMA_MAX_LOADED_MODELS")],
)
def test_ollamas_own_variables_serve_where_ours_say_nothing(
    ours: str, ollamas: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the machine that runs Ollama, one variable is enough."""
    monkeypatch.setenv(ollamas, "3")
    assert _attribute(ours, Settings()) == 3
    monkeypatch.setenv(ours, "")
    assert _attribute(ours, Settings()) == 3
    monkeypatch.setenv(ours, "2")
    assert _attribute(ours, Settings()) == 2


@pytest.mark.parametrize("name", ["OLLAMA_NUM_PARALLEL", "OLLAMA_MAX_LOADED_MODELS"])
def test_ollamas_zero_means_that_it_decides_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`OLLAMA_NUM_PARALLEL=0` is well with Ollama; a worker beside it starts, with the default."""
    monkeypatch.setenv(name, "0")

    settings = Settings()

    assert (settings.slots, settings.max_models) == (1, 1)


@pytest.mark.parametrize(
    ("given", "url", "host"),
    [
        ("", "http://127.0.0.1:11434", f"{HERE}:11434"),
        ("gpu", "http://gpu:11434", "gpu:11434"),
        ("gpu:1", "http://gpu:1", "gpu:1"),
        (":1", "http://127.0.0.1:1", f"{HERE}:1"),
        ("0.0.0.0", "http://127.0.0.1:11434", f"{HERE}:11434"),
        ("0.0.0.0:1", "http://127.0.0.1:1", f"{HERE}:1"),
        ("localhost:1", "http://localhost:1", f"{HERE}:1"),
        ("[::1]:1", "http://[::1]:1", f"{HERE}:1"),
        ("[::]:1", "http://127.0.0.1:1", f"{HERE}:1"),
        ("http://gpu", "http://gpu:80", "gpu:80"),
        ("https://gpu", "https://gpu:443", "gpu:443"),
        ("https://gpu:8/ollama/", "https://gpu:8/ollama", "gpu:8"),
        ("https://u:p@gpu", "https://u:p@gpu:443", "gpu:443"),
        ("GPU:1", "http://gpu:1", "gpu:1"),
        *(
            pytest.param(*row, id=f"ollama_python_471_{row[0]}")
            for row in [
                (' "gpu:1" ', "http://gpu:1", "gpu:1"),
                ("'gpu'", "http://gpu:11434", "gpu:11434"),
                ("::1", "http://[::1]:11434", f"{HERE}:11434"),
                ("[::1]", "http://[::1]:11434", f"{HERE}:11434"),
                ("fd00::7", "http://[fd00::7]:11434", "fd00::7:11434"),
                ("::", "http://127.0.0.1:11434", f"{HERE}:11434"),
                ("gpu:", "http://gpu:11434", "gpu:11434"),
                ("http://", "http://127.0.0.1:80", f"{HERE}:80"),
                ("http://0.0.0.0:1/", "http://127.0.0.1:1", f"{HERE}:1"),
                ("ollama.com", "https://ollama.com:443", "ollama.com:443"),
                ("http://gpu/apiary", "http://gpu:80/apiary", "gpu:80"),
            ]
        ),
    ],
)
@pytest.mark.parametrize("variable", ["OLLAMA_HOST", "LLAMAQ_OLLAMA_URL"])
def test_a_host_may_be_written_as_ollama_takes_it(
    variable: str, given: str, url: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL gets its port; the identity is this machine's name on a loopback address, and holds no password."""
    monkeypatch.setenv(variable, given)

    settings = Settings()

    assert (settings.ollama_url, settings.host) == (url, host)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("http://gpu:11434/api", "leave out `/api`"),
        ("http://gpu:11434/v1/", "leave out `/v1`"),
        ("gpu/ollama/api/chat", "leave out `/api/chat`"),
        ("http://u:pa/ss@gpu", "percent-encode"),
        ("http://u:12/3@gpu", "percent-encode"),
        ("http://u:pa#ss@gpu", "percent-encode"),
        ("http://gpu:one", "its port"),
        ("http://gpu:0", "its port"),
        ("a:b:1", "its port"),
        ("http://[gpu]", "IPv6"),
        ("ht tp", "blank"),
    ],
)
@pytest.mark.parametrize("variable", ["OLLAMA_HOST", "LLAMAQ_OLLAMA_URL"])
def test_crewai_7205_an_endpoint_or_a_wrong_port_is_named(
    variable: str, given: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ollama's own client takes the paths of endpoints, and every request is answered 404 then."""
    monkeypatch.setenv(variable, given)

    with pytest.raises(ValidationError, match=says) as refused:
        Settings()

    assert not any(part in str(refused.value.errors()[0]["msg"]) for part in ("pa/ss", "12/3", "pa#ss"))


def test_our_url_goes_before_ollamas_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The more exact one wins."""
    monkeypatch.setenv("OLLAMA_HOST", "other:1")
    monkeypatch.setenv("LLAMAQ_OLLAMA_URL", "http://mine:2")

    assert Settings().ollama_url == "http://mine:2"


BAD = [
    ("LLAMAQ_REDIS_URL", "http://r:1"),
    ("LLAMAQ_REDIS_URL", "redis://r:port"),
    ("LLAMAQ_OLLAMA_URL", "http://gpu:99999"),
    ("LLAMAQ_OLLAMA_URL", "ftp://gpu"),
    ("LLAMAQ_SLOTS", "0"),
    ("LLAMAQ_SLOTS", "many"),
    ("LLAMAQ_MAX_MODELS", "-1"),
    ("LLAMAQ_MAX_ATTEMPTS", "0"),
    ("LLAMAQ_LEASE_SECONDS", "0.5"),
    ("LLAMAQ_LEASE_SECONDS", "nan"),
    ("LLAMAQ_FLUSH_MS", "-1"),
    ("LLAMAQ_DRAIN_SECONDS", "inf"),
    ("LLAMAQ_RESULT_TTL", "1.5"),
    ("LLAMAQ_MAX_IMAGE_BYTES", "20MiB"),
    ("LLAMAQ_PROBE_SECONDS", "0"),
]


@pytest.mark.parametrize(("variable", "text"), BAD)
def test_a_bad_value_is_refused(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the error knows which it was."""
    monkeypatch.setenv(variable, text)

    with pytest.raises(ValidationError) as refused:
        Settings()

    named = {"_".join(str(part) for part in problem["loc"]).upper() for problem in refused.value.errors()}
    assert {name.removeprefix("LLAMAQ_") for name in named} == {variable.removeprefix("LLAMAQ_")}


@pytest.mark.parametrize("command", ["worker check", "celery -A worker.app worker", "celery -A worker.app flower"])
def test_the_command_names_each_bad_variable(command: str) -> None:
    """All of them at once, in a line each, without a traceback."""
    bad = {"LLAMAQ_SLOTS": "x", "LLAMAQ_LEASE_SECONDS": "0", "LLAMAQ_OLLAMA_URL": "ftp://x", "LLAMAQ_REDIS_URL": "x"}
    done = run([sys.executable, "-m", *command.split()], cwd=CHECKOUT, env={**os.environ, **bad}, timeout=60)

    assert done.returncode == 2
    assert {line.partition(":")[0] for line in done.stderr.splitlines()} == set(bad)


def test_the_pool_has_a_thread_for_each_slot_and_host_job_and_two_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intake and status work while all slots are busy."""
    monkeypatch.setenv("LLAMAQ_SLOTS", "4")
    monkeypatch.setenv("LLAMAQ_MAX_MODELS", "2")

    assert Settings().concurrency == 13  # a pull, an unload and a load among them


def test_a_worker_submits_under_the_producers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes by Celery's own way meets the same limits."""
    monkeypatch.setenv("LLAMAQ_PREFIX", "team")
    monkeypatch.setenv("LLAMAQ_MAX_PROMPT_CHARS", "5")
    monkeypatch.setenv("LLAMAQ_MAX_QUEUED", "6")

    producer = Settings().producer

    assert (producer.keys.prefix, producer.limits.prompt_chars, producer.max_queued) == ("team", 5, 6)


def test_the_token_is_not_shown() -> None:
    """Neither in a log nor in a traceback."""
    settings = Settings(ollama_token=SecretStr("hunter2"))

    assert "hunter2" not in f"{settings!r} {settings}"


@pytest.mark.parametrize("name", ["flush_ms", "flush_max_ms"])
def test_a_flush_window_that_does_not_fit_the_lease_is_refused(name: str) -> None:
    """The window is a part of what a worker may be silent for."""
    assert getattr(Settings(lease_seconds=3, **{name: 1000}), name) == 1000
    said = f"LLAMAQ_{name.upper()} must be at most a third of LLAMAQ_LEASE_SECONDS"
    with pytest.raises(ValidationError, match=said):
        Settings(lease_seconds=3, **{name: 1001})


@pytest.mark.parametrize("lease", [1, 3, 15, 600])
def test_a_renewal_over_a_new_connection_comes_before_the_lease_expires(lease: float) -> None:
    """A third of the lease is over when it is due; the first try finds a silent connection."""
    config = Settings(lease_seconds=lease)

    assert lease / 3 + config.redis_seconds < lease
    assert 1 + 3 * config.broker_seconds < MISSED_SECONDS
