"""The input policy: refuses or filters a request before it runs, and escapes control tokens in the body for Ollama."""

import re
from collections.abc import Callable
from typing import Any

from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.pull import PullRequest
from llamaq.vocabulary.kinds.request import Request
from tasks.input_policy.filter import Filter
from tasks.input_policy.token_escaping import KNOWN, escape_body

_RAW = "by it a producer writes the control tokens itself; a worker takes it with LLAMAQ_ALLOW_RAW=1"
_LISTED = "only what LLAMAQ_PULL_ALLOWED of the host's worker lists, which is nothing by default"


class InputPolicy:
    """The input policy of one attempt.

    Attributes:
        removed: by field, the number of characters that the filter removed.
    """

    def __init__(
        self,
        tokens: Callable[[str], re.Pattern[str]] = lambda _: KNOWN,
        texts: Filter | None = None,
        *,
        allow_raw: bool = False,
        pulls: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Store the rules.

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

    def admit(self, job: ClaimedJob) -> ClaimedJob:
        """Refuse what this worker does not allow, and filter the texts of the job.

        Raises:
            InvalidRequest: it uses what this worker does not allow, or the filter leaves nothing of a text.
        """
        request = job.request
        for field in ("raw", "template"):  # of whatever kind has them
            if getattr(request, field, None) and not self._allow_raw:
                raise InvalidRequest.of(field, _RAW)
        if isinstance(request, PullRequest) and not self._pulls(request.model):
            raise InvalidRequest.of("model", f"{request.model} may not be pulled here: {_LISTED}")
        job, self.removed = self._filter.apply(job)
        return job

    def escape_body(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """Escape the control tokens of a user's texts in the body for Ollama."""
        return escape_body(type(request), body, self._tokens(body["model"]))
