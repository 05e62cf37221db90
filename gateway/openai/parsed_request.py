"""What a request asks for: the job, and the form of its answer. Routes and batches work with these alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.openai.answer_form import AnswerForm
from gateway.openai.parameters import named
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

    def named(self, error: InvalidRequest) -> InvalidRequest:
        """A refusal of the job, with the parameters' names in place of those of the job's fields."""
        return named(error, self.parameter)
