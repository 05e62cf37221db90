"""The classic filter, for those who want one: characters taken out of what comes in, and texts cut to a length."""

import re
from dataclasses import dataclass, replace

from llamaq.admission.texts import rewritten, seen
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.vocabulary.requests import AnyRequest, dump_json


@dataclass(frozen=True, slots=True)
class Filter:
    """Off unless it is set.

    Attributes:
        pattern: what is taken out wherever it matches; None for nothing.
        length: characters that each text may keep; 0 for all.
    """

    pattern: re.Pattern[str] | None = None
    length: int = 0

    def __bool__(self) -> bool:
        return self.pattern is not None or self.length > 0

    def cleaned(self, text: str) -> str:
        """What the filter lets through of a text."""
        text = text if self.pattern is None else self.pattern.sub("", text)
        return text[: self.length] if self.length else text

    def applied(self, job: ClaimedJob) -> tuple[ClaimedJob, dict[str, int]]:
        """The job with filtered texts, and by field how many characters are gone.

        Raises:
            InvalidRequest: nothing is left of a text that must not be empty.
        """
        if not self:
            return job, {}
        # By what it does to each text, not by comparing two requests: a field that is gone would be counted by none.
        gone = {field: len(text) - len(self.cleaned(text)) for field, text in seen(job.request)}
        gone = {field: count for field, count in gone.items() if count}
        if not gone:
            return job, {}
        request: AnyRequest = rewritten(job.request, self.cleaned)
        return replace(job, request_json=dump_json(request)), gone
