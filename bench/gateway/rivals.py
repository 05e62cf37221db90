"""Other proxies in front of Ollama, measured beside the gateway: each is installed by pip into a venv of its own."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from bench.environment.services import MODEL
from bench.environment.venvs import NotInstalled, install
from bench.environment.workers import WorkerProcess


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """A proxy.

    Attributes:
        name: in the tables.
        package: what pip installs.
        reader: the path of `bench.paths` that reads its answers.
        program: its file in the venv's `bin`.
        options: the arguments that are its own.
        config: what its file of settings holds, for a host's URL, its slots, and the proxy's port.
        variables: its environment.
    """

    name: str
    package: str
    reader: str
    program: str
    options: Callable[[Path, int], list[str]]
    config: Callable[[str, int, int], object]
    variables: Mapping[str, str] = field(default_factory=dict)

    def process(self, python: Path, folder: Path, ollama_url: str, slots: int, port: int) -> WorkerProcess:
        """The process that answers at the port. `folder` gets its file of settings."""
        file = folder / "config.yml"
        file.write_text(yaml.safe_dump(self.config(ollama_url, slots, port)))
        program = ["env", "-C", str(folder), str(python.with_name(self.program))]
        return WorkerProcess(self.options(file, port), self.variables, program=program)


LITELLM = Rival(
    name="LiteLLM",
    package="litellm[proxy]",
    reader="openai",
    program="litellm",
    options=lambda file, port: ["--config", str(file), "--host", "127.0.0.1", "--port", str(port)],
    config=lambda url, _, __: {
        "model_list": [{"model_name": MODEL, "litellm_params": {"model": f"ollama_chat/{MODEL}", "api_base": url}}],
        "litellm_settings": {"telemetry": False},
    },
    # Without these it fetches a list of prices at its start, and asks for a key.
    variables={"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"},
)
OLLAMA_QUEUE_PROXY = Rival(
    name="ollama-queue-proxy",
    package="ollama-queue-proxy",
    reader="direct",
    program="ollama-queue-proxy",
    options=lambda _, __: [],  # it reads `config.yml` where it is started
    config=lambda url, slots, port: {
        "proxy": {"host": "127.0.0.1", "port": port, "max_concurrent": slots},
        "ollama": {"hosts": [{"url": url, "name": "host"}]},
    },
)
RIVALS = (LITELLM, OLLAMA_QUEUE_PROXY)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a rival.

    Attributes:
        python: of the venv that has it; None where it is not installed.
        what: its version, or why it is not installed.
    """

    python: Path | None
    what: str


@cache
def found(rival: Rival) -> Found:
    """Install a rival at the first call."""
    try:
        python = install(rival.package)
    except NotInstalled as error:
        return Found(None, f"not measured: pip could not install it ({error})")
    name = rival.package.partition("[")[0]
    code = f"from importlib.metadata import version; print(version({name!r}))"
    version = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout
    return Found(python, version.strip())
