"""pull: a model from its registry onto the disk of a host."""

from typing import Literal

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.request import HostJobRequest, Seconds
from llamaq.vocabulary.kinds.result import Result


class PullRequest(HostJobRequest):
    """Pull a model that is on the workers' list (`LLAMAQ_PULL_ALLOWED`), on one host: `host`, or any."""

    kind: Literal["pull"] = "pull"
    stall_after: Seconds = 600.0  # a large file is checked in silence
    deadline: Seconds = 86_400.0


class PullResult(Result):
    """Of `pull`: the model that is on the host's disk now, and its bytes where the registry told them."""

    pulled: str
    size: int | None = None


DECLARATION = Declaration(
    request=PullRequest,
    results=(PullResult,),
    endpoints=(Endpoint.PULL,),
    summary="a model onto the disk of a host",
)
