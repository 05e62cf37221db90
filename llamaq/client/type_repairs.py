"""Repairs of a value that is valid against its schema, and that the type asked for refuses. Without any I/O.

A worker cannot import the application's types, so their validators run here: where a type refuses the value of an
extraction, the model is asked again by a job that goes on where the first one ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from llamaq.vocabulary.errors import JobFailed
from llamaq.vocabulary.kinds.extraction import MOST_ERRORS, ExtractionRequest, ExtractionResult
from llamaq.vocabulary.kinds.value_type import adapter_of
from llamaq.vocabulary.requests import AnyRequest
from llamaq.vocabulary.results import ErrorInfo
from llamaq.vocabulary.wire import dumps


@dataclass(frozen=True, slots=True)
class TypeRepairs:
    """What was asked for, and as which type.

    Attributes:
        adapter: of the type.
        request: of the first job.
    """

    adapter: TypeAdapter[Any]
    request: AnyRequest | Mapping[str, Any]

    @classmethod
    def of(cls, target: Any, request: AnyRequest | Mapping[str, Any]) -> "TypeRepairs | None":
        """The repairs of a request; None where it has a JSON Schema, against which workers validate."""
        return None if isinstance(target, dict) else cls(adapter_of(target), request)

    def next_request(self, job_id: str, result: ExtractionResult[Any]) -> AnyRequest | Mapping[str, Any] | None:
        """Make the request that asks again after a result; None where its value is right, or no repair is left.

        The same job and result give a request with the same idempotency key. So several readers of the job, and later
        ones, get one answer.

        Args:
            job_id: of the first job.
            result: with the number of all repairs so far.
        """
        try:
            self.adapter.validate_json(dumps(result.value))
        except ValidationError as refusal:
            left = self._repairs - result.repairs - 1
            if left < 0:
                return None
            return self._change_request(
                repairs=left,
                refused_answer={"text": dumps(result.value), "errors": _format_errors(refusal)},
                idempotency_key=f"repair:{job_id}:{result.repairs + 1}",
            )
        except Exception:  # noqa: BLE001 - the application's own code; `check_type` raises it
            return None
        return None

    def check_type(self, job_id: str, result: ExtractionResult[Any]) -> ExtractionResult[Any]:
        """Check the value, and make it one of the type.

        Raises:
            JobFailed: the type refuses it.
        """
        try:
            return result.typed(self.adapter)
        except ValidationError as refusal:
            error = ErrorInfo(
                code="invalid_output",
                message="the type that was asked for refuses the value",
                retryable=False,
                text=dumps(result.value),
                errors=_format_errors(refusal),
            )
            raise JobFailed(job_id, error) from refusal

    @property
    def _repairs(self) -> int:
        if not isinstance(self.request, Mapping):
            return getattr(self.request, "repairs", 0)
        given = self.request.get("repairs")
        return int(ExtractionRequest.model_fields["repairs"].default if given is None else given)

    def _change_request(self, **fields: Any) -> AnyRequest | Mapping[str, Any]:
        if isinstance(self.request, Mapping):
            return {**self.request, **fields}
        unchanged = self.request.model_dump(by_alias=True, exclude_none=True, exclude_unset=True)
        return {**unchanged, "kind": self.request.kind, **fields}


def add_repairs(before: ExtractionResult[Any], result: ExtractionResult[Any]) -> ExtractionResult[Any]:
    """Add the repairs before a result to its own number."""
    return result.model_copy(update={"repairs": before.repairs + 1 + result.repairs})


def _format_errors(refusal: ValidationError) -> list[str]:
    found = refusal.errors(include_url=False, include_context=False, include_input=False)[:MOST_ERRORS]
    return [f"{_format_path(error['loc'])}: {error['msg']}" for error in found]


def _format_path(where: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
