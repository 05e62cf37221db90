"""Which models one runner of Ollama serves, and with which load options: as `/api/show` tells it."""

import re
from collections.abc import Mapping

from api_client import ModelCard
from llamaq.admission.load_options import LOAD_OPTIONS

_BLOB = re.compile(r"sha256[-:]([0-9a-f]{64})")
_FLAGS = {"true": "1", "false": "0"}


def parse_weights(card: ModelCard) -> str:
    """Parse the blobs of a model: weights, projector, adapters. Empty where the model file does not name them.

    They are the first instructions of the file. A text further down, such as a template, may have anything in it.
    """
    blobs = []
    for line in card.modelfile.splitlines():
        instruction, _, argument = line.partition(" ")
        if instruction.upper() not in {"FROM", "ADAPTER"}:
            if line.strip() and not line.startswith("#"):
                break
            continue
        found = _BLOB.search(argument)
        if found is None:
            return ""
        blobs.append(found[1])
    return " ".join(blobs)


def parse_load_options(card: ModelCard) -> str:
    """Parse the load options of the model file, as `load_options_key` writes those of a request."""
    given: dict[str, str] = dict(re.findall(r"^(\w+)[ \t]+(\S+)[ \t]*$", card.parameters, re.MULTILINE))
    values: dict[str, str] = {name: _FLAGS.get(given[name], given[name]) for name in LOAD_OPTIONS if name in given}
    return ",".join(f"{name}={value}" for name, value in values.items() if re.fullmatch(r"-?\d{1,15}", value))


def shared_names(cards: Mapping[str, ModelCard]) -> dict[str, str]:
    """By model the name that stands for all models of the same weights: the first of them."""
    first: dict[str, str] = {}
    for name in sorted(cards):
        first.setdefault(parse_weights(cards[name]) or name, name)
    return {name: first[parse_weights(card) or name] for name, card in cards.items()}


def describe_runners(cards: Mapping[str, ModelCard], trained: Mapping[str, int | None]) -> dict[str, str]:
    """Describe each model as `runners.lua` keeps it."""
    shared = shared_names(cards)
    return {name: f"{shared[name]} {trained.get(name) or 0} {parse_load_options(card)}" for name, card in cards.items()}
