"""What the results of all kinds share."""

from pydantic import Field

from llamaq.vocabulary.wire import Frozen


class Usage(Frozen):
    """Tokens counted by Ollama, over all calls that the last attempt made; None where it gave no count."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None


class Timings(Frozen):
    """Where the time went, in seconds; None where it was not measured.

    Attributes:
        queued: from the submit to the start of the attempt that completed.
        load: Ollama's own figure for loading the model.
        prompt: Ollama's own figure for evaluating the prompt.
        first_token: from the submit to the first piece of the answer.
        total: from the submit to the end.
    """

    queued: float | None = None
    load: float | None = None
    prompt: float | None = None
    first_token: float | None = None
    total: float | None = None


class Result(Frozen):
    """What every result has.

    Attributes:
        done_reason: Ollama's: `stop`, or `length` when the token limit cut the answer.
        metadata: the request's, as it came.
        filtered: by field of the request, how many characters the worker's filter took out; empty where it took none.
    """

    model: str
    host: str
    attempts: int
    done_reason: str | None = None
    usage: Usage = Usage()
    timings: Timings = Timings()
    metadata: dict[str, str] = Field(default_factory=dict)
    filtered: dict[str, int] = Field(default_factory=dict)
