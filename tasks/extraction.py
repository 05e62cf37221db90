"""extraction: a value that is valid against the schema, asked for again with the errors while it is not."""

from itertools import islice
from typing import Any

import jsonschema_rs
from pydantic_core import from_json

from llamaq.requests import ExtractionRequest
from llamaq.schema import check_schema
from llamaq.wire import dumps
from tasks import asking
from tasks.asking import Reply
from tasks.composing import completed
from tasks.job import ClaimedJob
from tasks.outcome import Error, Failed, Outcome
from tasks.services import Services

REPAIRS = 2
MORE_ROOM = 2
"""The factor by which a token limit that cut an answer is raised."""
MOST_ERRORS = 10
"""Reported of one answer, to the model and to the producer."""


def extraction(job: ClaimedJob, services: Services) -> Outcome:
    """Run an extraction job: ask, validate, and ask again at most `REPAIRS` times."""
    request = job.request
    assert isinstance(request, ExtractionRequest)  # noqa: S101 - the job's kind chose this function
    validator = check_schema(request.json_schema)
    body = _first_question(request, services)
    replies: list[Reply] = []
    while True:
        reply = asking.chat(services, request, body)
        replies.append(reply)
        value, errors = _read(reply, validator)
        if not errors:
            return completed(job, services, replies, {"value": value, "repairs": len(replies) - 1})
        if len(replies) > REPAIRS:
            return Failed(_invalid(reply, errors))
        services.transcript.progress("repairing", repair=len(replies), of=REPAIRS)
        _ask_again(body, reply, errors)


def _first_question(request: ExtractionRequest, services: Services) -> dict[str, Any]:
    images = [services.image(reference) for reference in request.images or ()]
    question: dict[str, Any] = {"role": "user", "content": request.prompt}
    if images:
        question["images"] = images
    system = [{"role": "system", "content": request.system}] if request.system else []
    return asking.payload(request, messages=[*system, question], format=request.json_schema)


def _read(reply: Reply, validator: jsonschema_rs.Validator) -> tuple[Any, list[str]]:
    try:
        # As strict as readers are: half a character, or 500 levels, would break them. 1e999 it reads as an infinity.
        value = from_json(reply.text.encode(), allow_inf_nan=False)
        dumps(value)
        # The errors are collected only where there are some: that costs far more than to see that there is none.
        problems = [] if validator.is_valid(value) else list(islice(validator.iter_errors(value), MOST_ERRORS))
    except ValueError as error:
        cut = " (cut by the token limit)" if reply.done_reason == "length" else ""
        return None, [f"$: not JSON{cut}: {error}"]
    return value, [f"{_path(problem)}: {problem.message}" for problem in problems]


def _path(problem: jsonschema_rs.ValidationError) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.instance_path)


def _ask_again(body: dict[str, Any], reply: Reply, errors: list[str]) -> None:
    limit = body.get("options", {}).get("num_predict")
    if reply.done_reason == "length" and limit is not None and limit > 0:
        # The answer was cut, not wrong: the same question with more room. Showing the stump would invite another.
        body["options"] = {**body["options"], "num_predict": limit * MORE_ROOM}
        return
    complaint = "\n".join(errors)
    body["messages"] = [
        *body["messages"],
        {"role": "assistant", "content": reply.text},
        {"role": "user", "content": f"That is not valid:\n{complaint}\nAnswer again with the corrected JSON alone."},
    ]


def _invalid(reply: Reply, errors: list[str]) -> Error:
    message = f"no valid answer after {REPAIRS} repairs: {errors[0]}"
    return Error("invalid_output", message, retryable=True, details={"text": reply.text, "errors": errors})
