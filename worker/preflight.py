"""`python -m worker check`: each thing that would keep a worker from working, with its remedy."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from api_client import Forbidden, OllamaClient, OllamaError
from llamaq.connection import Client, address, connect, translated
from llamaq.errors import BrokerUnavailable
from worker.settings import Settings

OLDEST_REDIS = (6, 2)
LOOK_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: what was looked at, whether it is well (None: it works, but mind it), and what to do."""

    name: str
    well: bool | None
    message: str


def main(config: Settings) -> int:
    """Print every finding; 1 when one of them would keep the worker from working."""
    code = 0
    for finding in check(config):
        mark = {True: "ok   ", None: "mind ", False: "WRONG"}[finding.well]
        sys.stdout.write(f"{mark} {finding.name}: {finding.message}\n")
        sys.stdout.flush()
        code = 1 if finding.well is False else code
    return code


def check(config: Settings) -> Iterator[Finding]:
    """Look at files, at Redis, then at Ollama."""
    if config.ollama_ca_file and not Path(config.ollama_ca_file).is_file():
        yield Finding("ollama certificate", False, f"no such file: LLAMAQ_OLLAMA_CA_FILE={config.ollama_ca_file}")
    if config.liveness_file and not Path(config.liveness_file).parent.is_dir():
        yield Finding("liveness file", False, f"no such directory: LLAMAQ_LIVENESS_FILE={config.liveness_file}")
    yield from _redis(config)
    yield from _ollama(config)


def _redis(config: Settings) -> Iterator[Finding]:
    client = connect(config.redis_url, retries=0, timeout_seconds=LOOK_SECONDS)
    try:
        with translated(config.redis_url):
            info = client.info()
    except BrokerUnavailable as error:
        yield Finding("redis", False, str(error))
        return
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    shown = f"{info['redis_version']} at {address(config.redis_url)}"
    if version < OLDEST_REDIS:
        yield Finding("redis", False, f"{shown}; 6.2 is the oldest that works: upgrade it")
    else:
        yield Finding("redis", True, shown)
    persists = bool(info.get("aof_enabled"))
    yield Finding(
        "redis persistence",
        True if persists else None,
        "append-only file on"
        if persists
        else "no append-only file: a restart of Redis loses jobs; set `appendonly yes`",
    )
    yield _eviction(client)


def _eviction(client: Client) -> Finding:
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except RedisError:
        return Finding("redis eviction", None, "not allowed to look; it must be `maxmemory-policy noeviction`")
    if policy == "noeviction":
        return Finding("redis eviction", True, "noeviction")
    return Finding("redis eviction", False, f"{policy} would throw jobs away: set `maxmemory-policy noeviction`")


def _ollama(config: Settings) -> Iterator[Finding]:
    token = config.ollama_token.get_secret_value() if config.ollama_token else None
    with OllamaClient(config.ollama_url, token=token, ca_file=config.ollama_ca_file, retries=0) as ollama:
        try:
            version, installed = ollama.version(), ollama.tags()
        except Forbidden as error:
            yield Finding("ollama", False, f"{error.message}; look at LLAMAQ_OLLAMA_TOKEN")
            return
        except OllamaError as error:
            remedy = "is it running there? The address is LLAMAQ_OLLAMA_URL, else OLLAMA_HOST"
            yield Finding("ollama", False, f"{error.message}; {remedy}")
            return
    yield Finding("ollama", True, f"{version} at {ollama.address}")
    names = ", ".join(model.name for model in installed)
    yield Finding("models", True if names else None, names or "none: pull one first, as in `ollama pull llama3.2`")
    yield Finding(
        "slots",
        True,
        f"{config.slots} for each of {config.max_models} model(s) on {config.host}; "
        "set LLAMAQ_SLOTS to the server's OLLAMA_NUM_PARALLEL",
    )
