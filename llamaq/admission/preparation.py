"""Makes a checked submission of the arguments of a verb. Both clients use it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llamaq.admission import request_images, submission
from llamaq.admission.request_images import Sources
from llamaq.admission.submission import Submission
from llamaq.extraction.schema import check_schema, schema_of
from llamaq.images.image import ImageSource
from llamaq.settings.producer import Limits
from llamaq.vocabulary.errors import InvalidRequest
from llamaq.vocabulary.kinds.request import Request
from llamaq.vocabulary.problems import describe_value
from llamaq.vocabulary.requests import AnyRequest, Kind, parse
from llamaq.vocabulary.wire import JsonObject


class Preparation:
    """Prepares the submissions of one producer, within its limits."""

    def __init__(self, limits: Limits, new_id: Callable[[], str]) -> None:
        self._limits = limits
        self.new_id = new_id

    def prepare(
        self,
        kind: Kind,
        fields: Mapping[str, Any],
        images: Sequence[ImageSource] | None = None,
        job_id: str | None = None,
    ) -> Submission:
        """Prepare a submission of one kind. `wait_for_model` and `note` are options of the submit, not of the request.

        Raises:
            InvalidRequest: names each field that is wrong.
        """
        given = {**fields, "kind": kind} | ({} if images is None else {"images": images})
        wait, note = given.pop("wait_for_model", None), given.pop("note", "")
        wait = False if wait is None else wait
        if not isinstance(wait, bool):
            raise InvalidRequest.of("wait_for_model", f"give true or false, not {describe_value(wait)}")
        asked, sources = request_images.separate_images(given)
        return self._check_and_load(parse(asked), sources, job_id, wait=wait, note=note)

    def prepare_extraction(
        self, target: Any, fields: Mapping[str, Any], images: Sequence[ImageSource] | None
    ) -> Submission:
        """Prepare a submission of an extraction; `target` is a type that pydantic knows, or a JSON Schema."""
        return self.prepare("extraction", {**fields, "schema": schema_of(target)}, images)

    def build_schema(self, target: Any) -> JsonObject:
        """Build the schema of a type, for many requests, and check it."""
        schema = schema_of(target)
        check_schema(schema)
        return schema

    def prepare_item(self, item: AnyRequest | Mapping[str, Any], job_id: str | None = None) -> Submission:
        """Prepare a submission of a request model, or of a dict that names its `kind`."""
        if not isinstance(item, Mapping):
            if not isinstance(item, Request):
                raise InvalidRequest.of("request", f"give a request model or an object, not {type(item).__name__}")
            return self._check_and_load(item, {}, job_id)
        fields = dict(item)
        return self.prepare(fields.pop("kind", None), fields, job_id=job_id)

    def _check_and_load(
        self, request: AnyRequest, sources: Sources, job_id: str | None, *, wait: bool = False, note: str = ""
    ) -> Submission:
        job_id = self.new_id() if job_id is None else job_id
        return submission.prepare(request, job_id, self._limits, sources=sources, wait_for_model=wait, note=note)
