"""What a worker makes of a request before a model sees it: whether it may run at all, filtered, and neutral."""

import re
from collections.abc import Callable
from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.requests import GenerateRequest, PullRequest
from tasks.input_policy.filter import Filter
from tasks.input_policy.token_escaping import KNOWN, neutral_body

_OPEN = "by it a producer writes the control tokens himself; a worker takes it with LLAMAQ_ALLOW_RAW=1"

_LISTED = "only what LLAMAQ_PULL_ALLOWED of the host's worker lists, which is nothing by default"


class Screening:
    """One attempt's.

    Attributes:
        removed: by field, how many characters the filter took out.
    """

    def __init__(
        self,
        tokens: Callable[[str], re.Pattern[str]] = lambda _: KNOWN,
        texts: Filter | None = None,
        *,
        allow_raw: bool = False,
        pulls: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Make it.

        Args:
            tokens: the control tokens of a model, by its name.
            texts: the filter.
            allow_raw: whether `raw` and `template` may be used.
            pulls: whether a model, by its name, may be pulled.
        """
        self._tokens = tokens
        self._filter = texts or Filter()
        self._allow_raw = allow_raw
        self._pulls = pulls
        self.removed: dict[str, int] = {}

    def admitted(self, job: ClaimedJob) -> ClaimedJob:
        """The job as it is to be run.

        Raises:
            InvalidRequest: it uses what this worker does not allow, or nothing is left behind the filter.
        """
        request = job.request
        if isinstance(request, GenerateRequest) and not self._allow_raw:
            for field in ("raw", "template"):
                if getattr(request, field):
                    raise InvalidRequest.of(field, _OPEN)
        if isinstance(request, PullRequest) and not self._pulls(request.model):
            raise InvalidRequest.of("model", f"{request.model} may not be pulled here: {_LISTED}")
        job, self.removed = self._filter.applied(job)
        return job

    def neutral(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body for Ollama, without a control token in what a user wrote."""
        return neutral_body(body, self._tokens(body["model"]))
