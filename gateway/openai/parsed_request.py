"""What a request asks for: the job, and the form of its answer. Routes and batches work with these alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.openai.answer_form import AnswerForm
from gateway.openai.parameters import name_parameters
from llamaq.vocabulary.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """What a request asks for.

    Attributes:
        job: what `submit` takes.
        form: of the answer.
        stream: whether the answer is to be streamed.
        parameter: the parameter behind a field of the job.
    """

    job: Mapping[str, Any]
    form: AnswerForm
    stream: bool
    parameter: Callable[[str], str]

    def name_parameters(self, error: InvalidRequest) -> InvalidRequest:
        """Translate a refusal of the job: parameters' names in place of those of the job's fields."""
        return name_parameters(error, self.parameter)
