"""The models of a host and what they can do, from `/api/tags`, `/api/ps`, `/api/version` and `/api/show`."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from api_client import (
    GatewayError,
    InstalledModel,
    Listing,
    ModelCard,
    ModelNotFound,
    OllamaClient,
    OllamaStatusError,
    RunningModel,
    ServerBusy,
    StreamError,
    UnknownShape,
)
from llamaq.vocabulary.models import normalise, parse_model_name
from llamaq.vocabulary.wire import check_json, dumps
from worker.host.runners import describe_runners, shared_names

CARDS_AT_A_TIME = 20
"""Calls of `/api/show` in one probe. Without a limit a host with hundreds of models would be reported minutes late."""
EMBEDS_IF_ABLE = (0, 30)
"""From this version on servers embed only with embedding models. Older ones embed with any, and do not list it."""
SHOWN_CHARS = 100
MOST_ENTRY_CHARS = 10_000
MOST_CARD_CHARS = 2_000_000
"""The most characters of a model's entry in a list, and of its `/api/show`. Longer ones are not kept."""
ABSENT = frozenset({404, 405, 501})
"""What a server says to a path that it does not have. Those that pose as Ollama mostly lack some."""
_UNKNOWN = ModelCard()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """The state of the host at one probe.

    Attributes:
        status: JSON of its version and of each model's `llamaq.vocabulary.models.ModelStatus`.
        models: names of the models on its disk.
        loaded: names of the models in its memory.
        whole: whether `/api/show` was asked about every model.
        templates: the prompt template by model; empty where it is not known.
        runners: by model which runner serves it, as `worker.host.runners.describe_runners`.
        contexts: tokens of context of the models in memory, where the host tells them.
        thinking: names of the models that think.
        remote: names of the models that run elsewhere, as on ollama.com.
        own_names: the names as the host writes them, by the normalised ones.
        cards: the answers of `/api/show` as JSON, by the digest of the model.
        problem: the first thing of its lists that cannot be read, and how many more; empty where all can. What cannot
            be read is left out.
    """

    status: str
    models: list[str]
    loaded: frozenset[str]
    whole: bool
    templates: Mapping[str, str]
    runners: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    thinking: frozenset[str] = frozenset()
    remote: frozenset[str] = frozenset()
    own_names: Mapping[str, str] = field(default_factory=dict)
    cards: Mapping[str, str] = field(default_factory=dict)


class Inventory:
    """Asks one host. `/api/show` is called once for each digest, since its answer depends only on that."""

    def __init__(self, ollama: OllamaClient) -> None:
        self._ollama = ollama
        self._cards: dict[str, ModelCard] = {}
        self._odd_cards: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def ping(self) -> None:
        """Ask for the version, which is the cheapest request. Raises as `take`."""
        read_version(self._ollama)

    def take(self) -> Report:
        """Ask about everything.

        Raises:
            OllamaError: the host does not answer as it should.
        """
        listed, version = self._ollama.tags(), read_version(self._ollama)
        running = _ask_if_present(self._ollama.ps, _make_empty_listing())
        installed, unusable = select_usable(listed)
        whole = self._update_cards(installed)
        problem = _summarize([*listed.problems, *running.problems, *unusable, *self._odd_cards.values()])
        named = {normalise(model.name): model for model in installed}
        cards = {name: self._cards.get(_key(model), _UNKNOWN) for name, model in named.items()}
        resident = find_loaded(installed, running, cards)
        trained = {name: model.details.context_length or cards[name].context_length for name, model in named.items()}
        return Report(
            status=render_status(installed, resident, version, cards, problem),
            models=list(cards),
            loaded=frozenset(resident),
            whole=whole,
            templates={name: card.template for name, card in cards.items()},
            runners=describe_runners(cards, trained),
            contexts={name: model.context_length for name, model in resident.items() if model.context_length},
            problem=problem,
            thinking=frozenset(name for name, model in named.items() if "thinking" in capabilities(model, cards[name])),
            remote=frozenset(name for name, model in named.items() if model.remote_host),
            own_names={name: model.name for name, model in named.items()},
            cards={model.digest: self._texts[model.digest] for model in installed if model.digest in self._texts},
        )

    def _update_cards(self, installed: Sequence[InstalledModel]) -> bool:
        """Ask about new models, and forget deleted ones; returns whether all were asked about."""
        names = {_key(model): model.name for model in installed}
        self._cards = {key: card for key, card in self._cards.items() if key in names}
        self._odd_cards = {key: problem for key, problem in self._odd_cards.items() if key in names}
        self._texts = {key: text for key, text in self._texts.items() if key in names}
        new = [key for key in names if key not in self._cards]
        for key in new[:CARDS_AT_A_TIME]:
            try:
                self._cards[key] = card = self._ollama.show(names[key])
                if text := _dump_entry(card.entry, MOST_CARD_CHARS):
                    self._texts[key] = text
            except ModelNotFound:
                continue  # deleted since `tags`
            except (ServerBusy, GatewayError):
                break  # the next probe asks again
            except (OllamaStatusError, StreamError) as error:
                self._cards[key] = _UNKNOWN  # for example where a proxy allows only some paths; `tags` is enough
                if isinstance(error, StreamError):
                    self._odd_cards[key] = f"/api/show of {names[key]}: {error.message}"
        return len(new) <= CARDS_AT_A_TIME


def read_version(ollama: OllamaClient) -> str:
    """Read the version of a server; empty where it does not tell one. Raises as `Inventory.take`."""
    try:
        return _ask_if_present(ollama.version, "")
    except UnknownShape:
        return ""


def _ask_if_present(ask: Callable[[], T], otherwise: T) -> T:
    try:
        return ask()
    except OllamaStatusError as error:
        if error.status not in ABSENT:
            raise
        return otherwise


def _make_empty_listing() -> Listing[RunningModel]:
    listing: Listing[RunningModel] = Listing()
    listing.problems = ("/api/ps is not there, so which models are in memory is not known",)
    return listing


def select_usable(listed: Sequence[InstalledModel]) -> tuple[list[InstalledModel], list[str]]:
    """Select the models whose names a request can have, each once; and say what is wrong with other names."""
    found: dict[str, InstalledModel] = {}
    problems: list[str] = []
    for model in listed:
        try:
            parse_model_name(model.name)
        except ValueError as error:
            problems.append(f"the model {model.name[:SHOWN_CHARS]!r} cannot be used: {error}")
        else:
            found.setdefault(normalise(model.name), model)  # koboldcpp lists its one model twice
    return [*found.values()], problems


def _summarize(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"Ollama's lists have what cannot be read: {problems[0]}{more}"


def _dump_entry(entry: Mapping[str, Any], most_chars: int) -> str:
    """Dump what the host wrote as JSON; empty where it is too long, or not valid for every reader."""
    try:
        text = dumps(check_json(entry))
    except ValueError:
        return ""
    return text if entry and len(text) <= most_chars else ""


def _key(model: InstalledModel) -> str:
    return model.digest or f"{model.name} {model.modified_at}"


def find_loaded(
    installed: Sequence[InstalledModel], running: Sequence[RunningModel], cards: Mapping[str, ModelCard]
) -> dict[str, RunningModel]:
    """Find the models in memory by name. Those of the same weights share a runner; `/api/ps` lists the first."""
    by_name = {normalise(model.name): model for model in running}
    by_digest = {model.digest: model for model in running if model.digest}
    shared = shared_names(cards)
    by_weights = {shared[name]: model for name, model in by_name.items() if name in shared}
    found = {}
    for model in installed:
        name = normalise(model.name)
        resident = by_name.get(name) or by_digest.get(model.digest) or by_weights.get(shared[name])
        if resident:
            found[name] = resident
    return found


def render_status(
    installed: Sequence[InstalledModel],
    resident: Mapping[str, RunningModel],
    version: str,
    cards: Mapping[str, ModelCard],
    problem: str = "",
) -> str:
    """Render the host's status as JSON. `serves` is added to `capabilities` where a server does more than it lists."""
    models = []
    for model in installed:
        name = normalise(model.name)
        known = _describe_model(model, cards[name])
        loaded = resident.get(name)
        if known["capabilities"] and _embeds_always(version):
            known["serves"] = sorted({*known["capabilities"], "embedding"})
        entries = {"listed": model, "running": loaded}
        known |= {at: one.entry for at, one in entries.items() if one and _dump_entry(one.entry, MOST_ENTRY_CHARS)}
        models.append(known | (_describe_memory(loaded, known["context_length"]) if loaded else {}))
    found = {"version": version, "models": models}
    return dumps(found | {"problem": problem} if problem else found)


def _describe_model(model: InstalledModel, card: ModelCard) -> dict[str, Any]:
    details, more = model.details, card.details
    return {
        "model": normalise(model.name),
        "size": model.size,
        "family": details.family or more.family or None,
        "parameter_size": details.parameter_size or more.parameter_size or None,
        "quantization": details.quantization_level or more.quantization_level or None,
        "context_length": details.context_length or card.context_length,
        "capabilities": capabilities(model, card),
        "loaded": False,
    }


def capabilities(model: InstalledModel, card: ModelCard) -> list[str]:
    """What a model can do. Where the two disagree, /api/show is right: Ollama goes by it, and /api/tags reads less."""
    return sorted(card.capabilities or model.capabilities or ())


def _describe_memory(running: RunningModel, context_length: int | None) -> dict[str, Any]:
    return {
        "loaded": True,
        "memory": running.size,
        "vram": running.size_vram,
        "gpu_share": round(min(running.size_vram / running.size, 1), 3) if running.size else None,
        "expires_at": running.expires_at.timestamp() if running.expires_at else None,
        "context_length": running.context_length or context_length,
    }


def _embeds_always(version: str) -> bool:
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < EMBEDS_IF_ABLE
