"""The text filter, off by default: it removes the matches of a pattern, and cuts each text to a length."""

import re
from dataclasses import dataclass, replace

from llamaq.admission.texts import model_texts, rewrite_texts
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.vocabulary.requests import dump_json


@dataclass(frozen=True, slots=True)
class Filter:
    """Removes parts of the texts of a request.

    Attributes:
        pattern: removed wherever it matches; None removes nothing.
        length: characters that each text may keep; 0 keeps all.
    """

    pattern: re.Pattern[str] | None = None
    length: int = 0

    def __bool__(self) -> bool:
        return self.pattern is not None or self.length > 0

    def clean_text(self, text: str) -> str:
        """Remove from a text what the filter removes."""
        text = text if self.pattern is None else self.pattern.sub("", text)
        return text[: self.length] if self.length else text

    def apply(self, job: ClaimedJob) -> tuple[ClaimedJob, dict[str, int]]:
        """Filter the texts of a job; returns it with the number of removed characters by field.

        Raises:
            InvalidRequest: nothing is left of a text that must not be empty.
        """
        if not self:
            return job, {}
        # Counted text by text: a comparison of both requests would miss a field that is empty now and left out.
        removed = {field: len(text) - len(self.clean_text(text)) for field, text in model_texts(job.request)}
        removed = {field: count for field, count in removed.items() if count}
        if not removed:
            return job, {}
        return replace(job, request_json=dump_json(rewrite_texts(job.request, self.clean_text))), removed
