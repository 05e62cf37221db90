"""unload: a model out of a host's memory."""

from typing import Literal

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.request import HostJobRequest, Name
from llamaq.vocabulary.kinds.result import Result


class UnloadRequest(HostJobRequest):
    """Take a model out of a host's memory, once it is idle."""

    kind: Literal["unload"] = "unload"
    host: Name


class UnloadResult(Result):
    """The result of `unload`: the model that is no longer in the host's memory."""

    unloaded: str


DECLARATION = Declaration(
    request=UnloadRequest,
    results=(UnloadResult,),
    endpoints=(Endpoint.GENERATE,),
    summary="a model out of a host's memory",
)
