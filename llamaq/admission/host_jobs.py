"""Host jobs: jobs that work on a host's models, and not with one. A host runs one of each kind at a time.

A host job waits in a queue of its own, `:pull` or `:pull@<host>`, and takes no slot. So a long pull does not delay the
jobs of a model, and a busy model does not delay a pull.
"""

from collections.abc import Sequence

from llamaq.store.pauses import checked_name
from llamaq.vocabulary.errors import InvalidRequest, SubmitError, UnknownModel
from llamaq.vocabulary.kinds.request import HostJobRequest
from llamaq.vocabulary.models import ModelStatus, near_matches, normalise
from llamaq.vocabulary.requests import AnyRequest


def queue_of(request: AnyRequest) -> str:
    """The queue that the job waits in: that of its model, or of host jobs of its kind."""
    if not isinstance(request, HostJobRequest):
        return request.model
    return f":{request.kind}@{request.host}" if request.host else f":{request.kind}"


def hosts_with(model: str, offered: Sequence[ModelStatus]) -> list[str]:
    """The hosts that have a model.

    Raises:
        InvalidRequest: it can be the name of no model.
        UnknownModel: no host has it.
    """
    wanted = checked_name("model", model)
    hosts = list(dict.fromkeys(status.host for status in offered if status.model == wanted))
    if not hosts:
        raise UnknownModel(wanted, near_matches(wanted, [status.model for status in offered]))
    return hosts


def digests_of(model: str, offered: Sequence[ModelStatus]) -> list[str]:
    """The digests that a model has on its hosts, each once; those that no host tells are left out.

    Raises:
        UnknownModel: no host has it.
    """
    hosts_with(model, offered)
    entries = [status.listed or {} for status in offered if status.model == normalise(model)]
    return list(dict.fromkeys(str(entry["digest"]) for entry in entries if entry.get("digest")))


def unknown_target(request: AnyRequest) -> SubmitError:
    """The error where no host has the model; for a host job, where the host is unknown."""
    if not isinstance(request, HostJobRequest):
        return UnknownModel(request.model)
    return InvalidRequest.of("host", f"no worker speaks for a host {request.host!r}: see `llamaq models`")
