"""extraction: a value that is valid against a schema. After an invalid answer, the model is asked to correct it."""

from itertools import islice
from typing import Any

import jsonschema_rs

from api_client import Aborted, ContextOverflow, OllamaError
from llamaq.extraction import answer
from llamaq.extraction.engine.grammar import translate_schema
from llamaq.extraction.schema import validator_of
from llamaq.store.worker.claimed_job import ClaimedJob
from llamaq.store.worker.outcome import Failed, Outcome
from llamaq.vocabulary.kinds.declaration import Endpoint
from llamaq.vocabulary.kinds.extraction import MOST_ERRORS, ExtractionRequest
from tasks.attempt.context import AttemptContext
from tasks.attempt.ollama_request import REPETITION, Reply, ask, build_body
from tasks.attempt.repairs import Repairing, Try, build_correction
from tasks.attempt.result import build_completed
from tasks.attempt.stoppable import AttemptStopped

_ENDED = {"length": " (cut by the token limit)", REPETITION: " (ended, because it repeated itself)"}


def extraction(job: ClaimedJob, context: AttemptContext, request: ExtractionRequest) -> Outcome:
    """Run an extraction job: ask, validate, and ask again at most `repairs` times and within the deadline."""
    validator = validator_of(request.json_schema)
    repairing = Repairing(_build_first_request(request, context), request.repairs)
    while True:
        try:
            reply = _ask(context, request, repairing)
        except (Aborted, AttemptStopped, OllamaError):
            # A socket that the deadline has shut down may raise the error of a cut connection.
            if repairing.tries and context.attempt.stopped == "deadline":
                return Failed(repairing.invalid_output_error())
            raise
        value, errors = _read_value(reply, validator)
        if not errors:
            found = {"value": value, "repairs": len(repairing.tries)}
            return build_completed(job, context, [*repairing.replies, reply], found)
        repairing.add(Try(reply, value, errors))
        if repairing.context_full:
            return Failed(repairing.overflow_error())
        if repairing.exhausted:
            return Failed(repairing.invalid_output_error())
        context.events.progress("repairing", repair=len(repairing.tries), of=request.repairs)


def _build_first_request(request: ExtractionRequest, context: AttemptContext) -> dict[str, Any]:
    images = [context.image(reference) for reference in request.images or ()]
    question: dict[str, Any] = {"role": "user", "content": request.prompt}
    if images:
        question["images"] = images
    system = [{"role": "system", "content": request.system}] if request.system else []
    refused = request.refused_answer
    correction = build_correction(refused.text, refused.errors) if refused else []
    messages = [*system, question, *correction]
    return build_body(request, messages=messages, format=translate_schema(request.json_schema) or {})


def _ask(context: AttemptContext, request: ExtractionRequest, repairing: Repairing) -> Reply:
    body, alone = repairing.next_request(), repairing.first_request()
    try:
        return ask(Endpoint.CHAT, context, request, body)
    except ContextOverflow:
        if len(body["messages"]) == len(alone["messages"]):
            raise
        # The question may fit without the wrong answer and its errors.
        return ask(Endpoint.CHAT, context, request, alone)


def _read_value(reply: Reply, validator: jsonschema_rs.Validator) -> tuple[Any, list[str]]:
    def may_be_meant(value: Any) -> bool:
        return not any(
            _concerns_whole(problem, "type") for problem in islice(validator.iter_errors(value), MOST_ERRORS)
        )

    try:
        value = answer.read_value(reply.text, may_be_meant, cut=reply.done_reason in _ENDED)
        # Collecting errors takes far longer than `is_valid`.
        problems = [] if validator.is_valid(value) else list(islice(validator.iter_errors(value), MOST_ERRORS))
    except ValueError as error:
        return None, [f"$: not JSON{_ENDED.get(reply.done_reason or '', '')}: {error}"]
    return value, [f"{_path(problem)}: {problem.message}" for problem in problems]


def _concerns_whole(problem: jsonschema_rs.ValidationError, keyword: str) -> bool:
    return not problem.instance_path and list(problem.schema_path)[-1:] == [keyword]


def _path(problem: jsonschema_rs.ValidationError) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.instance_path)
