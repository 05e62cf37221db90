"""The fields that the results of all kinds have."""

from pydantic import Field

from llamaq.vocabulary.wire import Frozen


class Usage(Frozen):
    """Ollama's token counts, summed over the calls of the last attempt; None where it gave no count."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None


class Timings(Frozen):
    """The times of a job in seconds; None where one was not measured.

    Attributes:
        queued: from the submit to the start of the attempt that completed.
        load: Ollama's own figure for loading the model.
        prompt: Ollama's own figure for evaluating the prompt.
        output: Ollama's own figure for generating the answer.
        first_token: from the submit to the first piece of the answer.
        total: from the submit to the end.
    """

    queued: float | None = None
    load: float | None = None
    prompt: float | None = None
    output: float | None = None
    first_token: float | None = None
    total: float | None = None


class Result(Frozen):
    """The fields of every result.

    Attributes:
        done_reason: Ollama's: `stop`, or `length` when the token limit cut the answer;
            or `repetition`, when it repeated itself and the worker ended it.
        metadata: of the request.
        filtered: by field of the request, the number of characters that the worker's filter removed.
    """

    model: str
    host: str
    attempts: int
    done_reason: str | None = None
    usage: Usage = Usage()
    timings: Timings = Timings()
    metadata: dict[str, str] = Field(default_factory=dict)
    filtered: dict[str, int] = Field(default_factory=dict)
