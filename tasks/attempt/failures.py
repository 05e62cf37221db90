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
    RunnerDied,
    ServerBusy,
    StreamCut,
    Unsupported,
)
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Blame, Error, Failed, Outcome, Retry

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_DETOUR_SECONDS = 2.0
"""The same for a job whose host failed it: the host's circuit does the rest of the waiting."""
FREE_ATTEMPTS = 8
"""Attempts that may be lost to a host that was cut off before they count: it may be the job that brings it down."""

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
_DOUBTFUL = (OllamaConnectionError, GatewayError, RunnerDied, StreamCut)
_CLOCKS = {"first_byte": "first_token_within", "stall": "stall_after"}


def of_ollama(error: OllamaError, job: ClaimedJob) -> Outcome:
    """The outcome that an error of the API client stands for."""
    if isinstance(error, OllamaTimeout):
        if error.phase == "connect":
            return Retry(Error("ollama_unavailable", error.message, retryable=True), blame="host")
        clock = _CLOCKS[error.phase]
        return timed_out(clock, getattr(job.request, clock))
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    details = {name: getattr(error, name, None) for name in ("status", "capability", "n_prompt_tokens", "n_ctx")}
    found = Error(code, error.message, retryable=error.retryable, details=details)
    return Retry(found, _blame(error)) if error.retryable else Failed(found)


def _blame(error: OllamaError) -> Blame:
    if isinstance(error, ServerBusy) or (isinstance(error, OllamaConnectionError) and not error.reached):
        return "host"
    return "doubt" if isinstance(error, _DOUBTFUL) else ""


def timed_out(clock: str, seconds: float) -> Failed:
    """The outcome when one of the four clocks ran out."""
    message = f"{clock} ran out after {seconds:g} s"
    return Failed(Error("timed_out", message, retryable=True, details={"clock": clock}))


def no_fault_of_the_job(outcome: Retry, attempt: int) -> bool:
    """Whether an attempt does not count as a try: the host was away, and this was not the job's own doing."""
    if outcome.error.code != "ollama_unavailable":
        return False
    return outcome.blame == "host" or attempt <= FREE_ATTEMPTS


def pause_seconds(tries: int, jitter: float) -> float:
    """How long to wait after so many tries: doubling, capped, and spread by `jitter` (0 to 1) over half of it."""
    whole = min(FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), LONGEST_PAUSE_SECONDS)
    return whole * (0.5 + jitter / 2)


def detour_seconds(attempt: int, jitter: float) -> float:
    """How long a job waits whose host failed it, where no other host takes it at once."""
    return min(pause_seconds(attempt, jitter), LONGEST_DETOUR_SECONDS)
