"""pull: a model from its registry onto the disk of a host."""

from typing import Literal

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.request import HostJobRequest, Seconds
from llamaq.vocabulary.kinds.result import Result


class PullRequest(HostJobRequest):
    """Pull a model onto the disk of `host`, or of any host. `LLAMAQ_PULL_ALLOWED` of its worker lists the model."""

    kind: Literal["pull"] = "pull"
    stall_after: Seconds = 600.0  # Ollama is silent while it verifies a large file
    deadline: Seconds = 86_400.0


class PullResult(Result):
    """The result of `pull`: the model on the host's disk, and its bytes where the registry gave them."""

    pulled: str
    size: int | None = None


DECLARATION = Declaration(
    request=PullRequest,
    results=(PullResult,),
    endpoints=(Endpoint.PULL,),
    summary="a model onto the disk of a host",
)
