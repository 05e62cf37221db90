"""Whether a repeated `idempotency_key` comes with the request that it came with first."""

from pydantic_core import from_json

from llamaq.store.answers import Answer
from llamaq.vocabulary.errors import IdempotencyConflict
from llamaq.vocabulary.requests import AnyRequest, dump_json

_MAY_DIFFER = {
    *("kind", "idempotency_key", "metadata", "notify", "priority", "stream"),
    *("start_after", "start_within", "first_token_within", "stall_after", "deadline"),
}
"""They say when and for whom a job runs, not what it answers: a program that sends again may have newer ones."""


def resolve_job_id(request: AnyRequest, answer: Answer) -> str:
    """Return the id of the job that has the key.

    Raises:
        IdempotencyConflict: it was asked for something else.
    """
    kind, known, job_id = answer.optional("kind"), answer.optional("request"), answer.text("id")
    if kind and (
        kind != request.kind or (known and _comparable_fields(known) != _comparable_fields(dump_json(request)))
    ):
        raise IdempotencyConflict(job_id)
    return job_id


def _comparable_fields(request: str) -> object:
    try:
        fields = from_json(request)
    except ValueError:  # a damaged record: its job ends by that
        return None
    return (
        {name: value for name, value in fields.items() if name not in _MAY_DIFFER} if isinstance(fields, dict) else None
    )
