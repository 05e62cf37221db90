"""Host jobs: jobs that work on a host's models, and not with one. A host runs one of each kind at a time.

A host job waits in a queue of its own, `:pull` or `:pull@<host>`, and takes no slot. So a long pull does not delay the
jobs of a model, and a busy model does not delay a pull.
"""

from llamaq.vocabulary.errors import InvalidRequest, SubmitError, UnknownModel
from llamaq.vocabulary.kinds.request import HostJobRequest
from llamaq.vocabulary.requests import AnyRequest


def queue_of(request: AnyRequest) -> str:
    """The queue that the job waits in: that of its model, or of host jobs of its kind."""
    if not isinstance(request, HostJobRequest):
        return request.model
    return f":{request.kind}@{request.host}" if request.host else f":{request.kind}"


def unknown_target_error(request: AnyRequest) -> SubmitError:
    """The error where no host has the model; for a host job, where the host is unknown."""
    if not isinstance(request, HostJobRequest):
        return UnknownModel(request.model)
    return InvalidRequest.of("host", f"no worker speaks for a host {request.host!r}: see `llamaq models`")
