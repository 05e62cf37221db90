"""docker-compose.yml and the Dockerfile, checked without a container engine."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from llamaq.settings.declaration import default
from ops.topology import compose
from tests.commands import run
from tests.worker_process import CHECKOUT
from worker.settings.environment import Settings

DCLINT = "dclint@2.2.2"
"""The last that runs on the Node.js of Debian 12."""
SERVICES = compose.read_services()


def checked(*command: str) -> str:
    """Run a checker to its end; its output, when it is content."""
    done = run(command, cwd=CHECKOUT, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


MADE = "./ops/secrets/"


def tool(name: str) -> str:
    """A program that pip put beside this Python."""
    return str(Path(sys.executable).parent / name)


def test_compose_keeps_to_its_schema() -> None:
    """The compose specification's own, which the checker brings along."""
    checked(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


@pytest.mark.needs("npm")
def test_compose_pleases_its_linter() -> None:
    """Dclint finds nothing, warnings included."""
    npx = shutil.which("npx")
    assert npx
    checked(npx, "--yes", DCLINT, "--max-warnings", "0", ".")


def test_the_dockerfile_pleases_its_linter() -> None:
    """Hadolint finds nothing."""
    checked(tool("hadolint"), "Dockerfile")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_is_locked_in(name: str) -> None:
    """Read-only, without capabilities or new privileges, pinned, and replaceable: no name and no port of its own."""
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "container_name", "network_mode", "pid"}
    assert "ports" not in service or name == "nginx"
    if "image" in service:
        tag = service["image"].rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+\.\d+", tag), "a tag without its whole version moves"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_has_limits(name: str) -> None:
    """Of memory, CPU and processes; those of Ollama's memory and CPU are the user's to set."""
    service = SERVICES[name]

    assert service.keys() >= {"mem_limit", "cpus", "pids_limit"}
    assert int(service["pids_limit"]) > 0
    if not name.startswith("ollama"):
        assert re.fullmatch(r"[1-9]\d*[mg]", service["mem_limit"])
        assert 0 < float(service["cpus"]) <= 2


def test_redis_has_room_to_write_a_copy() -> None:
    """The limit of its container is above twice its own limit."""
    limit = SERVICES["redis"]["command"][-1], SERVICES["redis"]["mem_limit"]
    own, container = (int(text[:-1] if text[-1] == "m" else text[:-2]) for text in limit)
    assert limit == ("1gb", "2560m")
    assert container > 2 * 1024 * own


def test_the_override_publishes_redis() -> None:
    """Its port, on a network that is not internal, and no other change; the other networks stay."""
    checked(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "ops/redis/published.yml")
    networks = yaml.safe_load(compose.FILE.read_text())["networks"]
    override = compose.read_services(file=CHECKOUT / "ops/redis/published.yml")

    assert override.keys() == {"redis"}
    assert override["redis"].keys() == {"networks", "ports"}
    assert set(SERVICES["redis"]["networks"]) < set(override["redis"]["networks"])
    assert any(not networks[name].get("internal") for name in override["redis"]["networks"])


def test_no_secret_stands_in_the_file() -> None:
    """Passwords and tokens come as files; each one that is used is declared, and made by `ops.credentials`."""
    declared = set(re.findall(r"^  (\S+): \{file: ./ops/secrets/\1\}$", compose.FILE.read_text(), re.MULTILINE))
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == declared
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable}"
            assert not re.search(r"//[^/@]*:[^/@]*@", str(value)), f"{name}: a password in {variable}"


def test_every_secret_is_made(secrets: Path) -> None:
    """`run.py ops credentials` leaves nothing out."""
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used <= {path.name for path in secrets.iterdir()}


def test_every_mounted_file_is_there(secrets: Path) -> None:
    """A file that is missing, Docker would make a directory of; `ops.credentials` makes those of `ops/secrets`."""
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    sources = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert sources
    found = [secrets / one.removeprefix(MADE) if one.startswith(MADE) else CHECKOUT / one for one in sources]
    assert [path for path in found if not path.exists()] == []


def test_the_worker_has_time_to_drain() -> None:
    """The grace before SIGKILL is above the drain and the ten seconds for giving back what is left."""
    worker = SERVICES["worker"]
    assert int(worker["stop_grace_period"].rstrip("s")) > default(Settings, "drain_seconds") + 10


def test_health_is_the_workers_own_word() -> None:
    """Not `inspect ping`: the liveness file, at one path in the image, in compose and in its tmpfs."""
    text = (CHECKOUT / "Dockerfile").read_text()
    path = SERVICES["worker"]["environment"]["LLAMAQ_LIVENESS_FILE"]
    assert f'CMD ["python", "-m", "worker.liveness_probe", "{path}"]' in text
    assert f"LLAMAQ_LIVENESS_FILE={path}" in text
    assert any(mount.split(":")[0] == str(Path(path).parent) for mount in SERVICES["worker"]["tmpfs"])


def test_the_image_is_locked_and_unprivileged() -> None:
    """Two stages, every package by its hash, no user name that would have to be looked up."""
    text = (CHECKOUT / "Dockerfile").read_text()
    assert len(re.findall("^FROM ", text, re.MULTILINE)) == 2
    assert "--require-hashes --no-deps --only-binary :all:" in text
    assert re.search(r"^USER (\d+):\1$", text, re.MULTILINE)
    for source in re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE):
        assert (CHECKOUT / source).exists(), source


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    """.dockerignore is a list of what is let in: no secret gets into a layer."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(\S+) ", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE))
    assert let_in == copied


@pytest.mark.parametrize("age", [0, 61])
def test_the_liveness_check_reads_the_files_age(age: int, tmp_path: Path) -> None:
    """0 for one touched lately, 1 for an old one or none; without importing the service."""
    file = tmp_path / "alive"
    command = [sys.executable, "-X", "importtime", "-m", "worker.liveness_probe", str(file)]
    assert run(command, cwd=CHECKOUT).returncode == 1
    file.touch()
    past = file.stat().st_mtime - age
    os.utime(file, (past, past))
    done = run(command, cwd=CHECKOUT)

    assert done.returncode == (1 if age else 0)
    assert "celery" not in done.stderr
    assert "pydantic" not in done.stderr
