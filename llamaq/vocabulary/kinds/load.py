"""load: a model into a host's memory."""

from typing import ClassVar, Literal

from llamaq.vocabulary.kinds.declaration import Declaration, Endpoint
from llamaq.vocabulary.kinds.request import HostJobRequest, Name
from llamaq.vocabulary.kinds.result import Result


class LoadRequest(HostJobRequest):
    """Load a model into a host's memory, ahead of its first job, with the `options` and `keep_alive` of that job.

    Ollama makes room as for any request: it unloads an idle model, and waits while none is idle.
    """

    kind: Literal["load"] = "load"
    host: Name
    takes: ClassVar[frozenset[str]] = frozenset({"options", "keep_alive"})


class LoadResult(Result):
    """The result of `load`: the model that is in the host's memory."""

    loaded: str


DECLARATION = Declaration(
    request=LoadRequest,
    results=(LoadResult,),
    endpoints=(Endpoint.EMBED,),
    summary="a model into a host's memory",
)
