"""Requests of arbitrary JSON and text: taken, or refused with `InvalidRequest`, and nothing else."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llamaq import GenerateRequest, InvalidRequest
from llamaq.admission.preparation import Preparation
from llamaq.settings.producer import Limits
from llamaq.vocabulary.requests import KINDS, dump_json, parse, parse_json
from tests.unit.vocabulary.test_requests import GOOD

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.sampled_from([*GenerateRequest.model_fields, "messages", "images", "input", "schema", "message"])
almost = st.builds(
    lambda base, changes: {**base, **changes}, st.sampled_from(GOOD), st.dictionaries(names, json_values, max_size=3)
)


@given(json_values | almost)
def test_arbitrary_json_is_a_request_or_is_refused(fields: Any) -> None:
    """Whatever comes off the wire, only `InvalidRequest` is raised; what is taken can be stored and read back."""
    try:
        request = parse(fields)
    except InvalidRequest:
        return
    assert parse_json(dump_json(request), request.kind) == request


@given(st.text() | json_values.map(json.dumps) | almost.map(json.dumps), st.sampled_from([None, *KINDS, "nonsense"]))
def test_arbitrary_text_is_a_request_or_is_refused(text: str, kind: str | None) -> None:
    """The same off the wire, whatever the envelope says of the kind."""
    try:
        request = parse_json(text, kind)
    except InvalidRequest:
        return
    assert kind in (None, request.kind)


@given(json_values | almost)
def test_an_item_of_arbitrary_json_is_a_submission_or_is_refused(item: Any) -> None:
    """The way in for `submit` and for what comes by Celery: images, limits and schemas are checked as well."""
    try:
        submission = Preparation(Limits(prompt_chars=50), lambda: "id").prepare_item(item)
    except InvalidRequest:
        return
    assert submission.job_id == "id"
    dump_json(submission.request)
