"""Chores: jobs that a host does by itself, beside those of its models, one of each kind at a time.

A chore waits in a room that is no model's, `:pull` or `:pull@<host>`, and takes no slot: neither does
a long pull keep a model waiting, nor does a busy model keep a pull.
"""

from collections.abc import Sequence

from llamaq.vocabulary.errors import InvalidRequest, SubmitError, UnknownModel
from llamaq.vocabulary.models import ModelStatus, near_matches, normalise
from llamaq.vocabulary.requests import AnyRequest, PullRequest, UnloadRequest

CHORES = ("pull", "unload")


def room_of(request: AnyRequest) -> str:
    """What the job waits for: its model, or a host that does such chores."""
    if not isinstance(request, PullRequest | UnloadRequest):
        return request.model
    return f":{request.kind}@{request.host}" if request.host else f":{request.kind}"


def target_of(request: AnyRequest) -> str:
    """The model that a status shows, where it is not the room; else nothing."""
    return request.model if room_of(request) != request.model else ""


def hosts_with(model: str, offered: Sequence[ModelStatus]) -> list[str]:
    """The hosts that have a model.

    Raises:
        UnknownModel: none has.
    """
    wanted = normalise(model)
    hosts = list(dict.fromkeys(status.host for status in offered if status.model == wanted))
    if not hosts:
        raise UnknownModel(wanted, near_matches(wanted, [status.model for status in offered]))
    return hosts


def nobody_for(request: AnyRequest) -> SubmitError:
    """The error where no host has the model, or where no worker speaks for the host."""
    if not isinstance(request, PullRequest | UnloadRequest):
        return UnknownModel(request.model)
    return InvalidRequest.of("host", f"no worker speaks for a host {request.host!r}: see `llamaq models`")
