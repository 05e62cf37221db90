"""The ways from a producer to the tokens, all with the same two verbs: `first` and `stream`."""

from bench.paths.direct import Direct
from bench.paths.naive import Naive
from bench.paths.openai import OpenAi
from bench.paths.peers import Dramatiq, Taskiq
from bench.paths.plain import Plain
from bench.paths.route import Addresses, Path
from bench.paths.sdk import Sdk

PATHS: dict[str, type[Path]] = {
    "direct": Direct,
    "naive": Naive,
    "llamaq": Plain,
    "llamaq-sdk": Sdk,
    "taskiq": Taskiq,
    "dramatiq": Dramatiq,
}
"""Those of `python3 run.py bench`."""
READERS: dict[str, type[Path]] = {**PATHS, "openai": OpenAi}

__all__ = ["PATHS", "READERS", "Addresses", "Path"]
