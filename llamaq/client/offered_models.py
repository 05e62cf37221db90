"""What the models that hosts offer say of one model: who has it, and as which files."""

from collections.abc import Sequence

from llamaq.store.pauses import check_name
from llamaq.vocabulary.errors import UnknownModel
from llamaq.vocabulary.models import ModelStatus, find_near_matches, normalise


def find_hosts(model: str, offered: Sequence[ModelStatus]) -> list[str]:
    """Find the hosts that have a model.

    Raises:
        InvalidRequest: it can be the name of no model.
        UnknownModel: no host has it.
    """
    wanted = check_name("model", model)
    hosts = list(dict.fromkeys(status.host for status in offered if status.model == wanted))
    if not hosts:
        raise UnknownModel(wanted, find_near_matches(wanted, [status.model for status in offered]))
    return hosts


def find_digests(model: str, offered: Sequence[ModelStatus]) -> list[str]:
    """Find the digests that a model has on its hosts, each once; those that no host tells are left out.

    Raises:
        UnknownModel: no host has it.
    """
    find_hosts(model, offered)
    entries = [status.listed or {} for status in offered if status.model == normalise(model)]
    return list(dict.fromkeys(str(entry["digest"]) for entry in entries if entry.get("digest")))
