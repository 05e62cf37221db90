"""The one table that says what a failure of Ollama means for the job: its code, and whether another attempt can help.

what happened                                             code                  then
no connection, cut before the headers, 502 504, busy 503  ollama_unavailable    retry
certificate not trusted                                   ollama_unavailable    fail
runner died, stream cut, garbage, unknown fault           ollama_error          retry, where the client says it helps
refused at the door: 401, 403                             ollama_error          fail
wrong request (also a 500 for a wrong option)             invalid_request       fail
prompt longer than the context                            context_overflow      fail
no such model                                             model_not_found       fail
no vision, tools, thinking, embeddings                    unsupported           fail
no first token in time, silence, deadline                 timed_out             fail (trying again throws a load away)
"""

from api_client import (
    BadRequest,
    ContextOverflow,
    GatewayError,
    ModelNotFound,
    OllamaConnectionError,
    OllamaError,
    OllamaTimeout,
    ServerBusy,
    Unsupported,
)
from tasks.job import ClaimedJob
from tasks.outcome import Error, Failed, Outcome, Retry

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

_CODES: list[tuple[type[OllamaError], str]] = [
    (ModelNotFound, "model_not_found"),
    (Unsupported, "unsupported"),
    (ContextOverflow, "context_overflow"),
    (BadRequest, "invalid_request"),
    (ServerBusy, "ollama_unavailable"),
    (GatewayError, "ollama_unavailable"),
    (OllamaConnectionError, "ollama_unavailable"),
    (OllamaError, "ollama_error"),
]
_CLOCKS = {"first_byte": "first_token_within", "stall": "stall_after"}


def of_ollama(error: OllamaError, job: ClaimedJob) -> Outcome:
    """The outcome that an error of the API client stands for."""
    if isinstance(error, OllamaTimeout):
        if error.phase == "connect":
            return Retry(Error("ollama_unavailable", error.message, retryable=True))
        clock = _CLOCKS[error.phase]
        return timed_out(clock, getattr(job.request, clock))
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    details = {name: getattr(error, name, None) for name in ("status", "capability", "n_prompt_tokens", "n_ctx")}
    found = Error(code, error.message, retryable=error.retryable, details=details)
    return Retry(found) if error.retryable else Failed(found)


def timed_out(clock: str, seconds: float) -> Failed:
    """The outcome when one of the four clocks ran out."""
    message = f"{clock} ran out after {seconds:g} s"
    return Failed(Error("timed_out", message, retryable=True, details={"clock": clock}))


def pause_seconds(tries: int, jitter: float) -> float:
    """How long to wait after so many tries: doubling, capped, and spread by `jitter` (0 to 1) over half of it."""
    whole = min(FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), LONGEST_PAUSE_SECONDS)
    return whole * (0.5 + jitter / 2)
