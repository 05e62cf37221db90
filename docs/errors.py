"""The page on errors and what to do, from the classes of the SDK: `python3 run.py generate` writes it."""

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.http.errors import CLASSES, CODES
from llamaq.vocabulary import errors
from llamaq.vocabulary.errors import LlamaqError
from tasks.attempt.failures import FAILURES

PAGE = Path(__file__).with_name("errors.md")
_INTRODUCTION = """\
# Errors, and what to do

Every error that llamaq raises is a `LlamaqError`. Its class says who must act, and its text what happened, where, and
the remedy. This page is made from the classes; [sdk.md](sdk.md#errors) has their attributes.

```python
import time

from llamaq import InvalidRequest, JobFailed, JobQueue, QueueFull, SubmitError, TextResult

queue = JobQueue.from_env()


def answered(prompt: str, key: str) -> TextResult | None:
    try:
        job = queue.generate("llama3.2", prompt, idempotency_key=key, start_within=60)
    except InvalidRequest as refused:  # a mistake of this program: it would be refused each time
        for problem in refused.problems:
            print(problem.field, problem.message)
        raise
    except QueueFull as full:  # the same request, later
        time.sleep(full.retry_after)
        return answered(prompt, key)
    except SubmitError:  # nothing was queued: Redis is away, or no host has the model
        return None
    try:
        return job.result(timeout=120)
    except TimeoutError as late:  # the job goes on; the text says why it has not ended
        print(late, "- later: queue.job(id).result() with the id", job.id)
        return None
    except JobFailed as failed:
        if not failed.error.retryable:
            raise
        return None  # the same request, with another key, may succeed later
```

The order matters: `InvalidRequest` and `QueueFull` are `SubmitError`s. A submit that ended with `BrokerUnavailable` may
have reached Redis all the same. With an `idempotency_key`, asking again gives that job and makes no second one.

## Classes

"Again" is whether the same request may succeed later. Over HTTP the error has the status in the last column
([http.md](http.md#errors)).

| error | what happened | again | what to do | HTTP |
|---|---|---|---|---|
"""
_CODES = """\

## Codes of `JobFailed`

`error.code` of a job that ended `failed`. `error.retryable` says for each single failure whether the same request may
succeed later. Where a retry may help, the workers have already made up to
`LLAMAQ_MAX_ATTEMPTS` attempts.
[failures.md](failures.md) has every cause.

| code | retryable | what to do | HTTP |
|---|---|---|---|
"""
_OTHERS = """\

## Other exceptions

| exception | when | what to do |
|---|---|---|
{rows}
While text is streamed, a new attempt is no error: `job.text()` gives a `Restarted`, which is no `str`, and begins anew.
`job.text(on_restart="raise")` raises `StreamRestarted` in its place. The command line has an
[exit code](cli.md#exit-codes) for each of these.
"""
_NOT_OURS = {
    "TimeoutError": (
        "`result(timeout=...)`: the job has not ended; the text says where it stands, and why it waits",
        "ask again later: the job goes on. `start_within` and `deadline` end the job itself",
    ),
    "RuntimeError": ("a verb of a queue that was closed", "make one queue for the process, and close it at its end"),
    "RuntimeWarning": ("a blocking queue inside an event loop", "use [`AsyncJobQueue`](async.md)"),
    "TypeError": (
        "an argument is missing, such as `schema`, or the verb does not have it; `result.parse` was given no type",
        "see [sdk.md](sdk.md)",
    ),
}
_DO: Mapping[type[LlamaqError], tuple[str, str]] = {
    errors.SubmitError: ("", "see those below; catch this one for all of them"),
    errors.BrokerUnavailable: ("yes", "start Redis, or correct `LLAMAQ_REDIS_URL`; the text names the address"),
    errors.QueueFull: ("yes", "wait `retry_after` seconds; add workers, or raise `LLAMAQ_MAX_QUEUED`"),
    errors.InvalidRequest: ("no", "correct the request: `problems` names each field"),
    errors.IdempotencyConflict: ("no", "use a key for one request alone"),
    errors.UnknownModel: ("no", "take one of `near`, pull the model, or pass `wait_for_model=True` to wait for a host"),
    errors.ConversationBusy: ("yes", "wait for `job_id`, or choose another `when_busy`"),
    errors.VersionMismatch: ("no", "update what the text names: llamaq here, or the workers"),
    errors.ConversationError: ("", "see those below"),
    errors.ConversationNotFound: ("no", "check name and tenant; a new turn begins the conversation"),
    errors.ConversationExists: ("no", "take another name, or delete that conversation first"),
    errors.JobError: ("", "see those below"),
    errors.JobNotFound: ("no", "check the id; results are kept for `LLAMAQ_RESULT_TTL`"),
    errors.JobFailed: ("", "see its code below"),
    errors.JobCancelled: ("", "nothing: somebody cancelled it, and the text is the reason that was given"),
    errors.JobExpired: (
        "yes",
        "give `start_within` more time, or add workers: `queue.waiting()` says why jobs wait",
    ),
    errors.StreamError: ("", "read on from your last `cursor`, with an open queue"),
    errors.CursorExpired: ("no", "read from the start (`after=None`), or take the `result()` while it is kept"),
    errors.StreamRestarted: ("", "discard the text so far, and go on with `job.text(after=error.cursor)`"),
}
_OF_CODES: Mapping[str, str] = {
    "invalid_request": "correct the request; the message names what Ollama or the worker refused",
    "model_not_found": "pull the model on a host of the fleet: `queue.pull(model)`",
    "unsupported": "take a model with the capability: `queue.models()` shows them",
    "context_overflow": "shorten the prompt, raise `num_ctx`, or pass `truncate=True`",
    "invalid_output": "`error.text` is the last answer, `error.errors` what is wrong with it: simplify the schema, "
    "give more `repairs`, or take a larger model",
    "timed_out": "`error.clock` names the limit: give it more time, or look why the host is slow",
    "ollama_unavailable": "ask again later; where it stays, see whether the host runs (`queue.hosts()`)",
    "ollama_error": "the message has Ollama's own text; `retryable` says whether it may pass",
    "attempts_exhausted": "its workers died each time: see their logs before it is asked again",
    "internal": "ask again where it is retryable; else report it with the worker's log",
}


def render_page() -> str:
    """Render the whole page, as Markdown."""
    others = "".join(f"| `{name}` | {when} | {what} |\n" for name, (when, what) in _NOT_OURS.items())
    rows = [*map(_render_class, _walk_classes(LlamaqError)), _CODES, *map(_render_code, CODES)]
    return "".join([_INTRODUCTION, *rows, _OTHERS.format(rows=others)])


def _walk_classes(base: type[LlamaqError]) -> Iterator[type[LlamaqError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from _walk_classes(kind)


def _render_class(kind: type[LlamaqError]) -> str:
    again, what = _DO[kind]
    said = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    status = "" if kind is errors.JobFailed else next(CLASSES[base] for base in kind.__mro__ if base in CLASSES).status
    return f"| `{kind.__name__}` | {said} | {again} | {what} | {status} |\n"


def _render_code(code: str) -> str:
    known = {meaning.retryable for meaning in FAILURES.values() if meaning.code == code}
    again = "by the cause" if len(known) > 1 else "yes" if True in known else "no"
    return f"| `{code}` | {again} | {_OF_CODES[code]} | {CODES[code].status} |\n"
