"""What a model cannot do is refused before it is queued, by every way in, with the same code."""

import json
from typing import Any

import pytest

from llamaq import InvalidRequest
from tests.histories import IMAGE
from tests.service import Service, fresh_name

CHAT = {"kind": "chat", "messages": [{"role": "user", "content": "x"}]}
LACKING: list[tuple[dict[str, Any], str]] = [
    (CHAT | {"model": "smollm2-embed:135m"}, "completion"),
    ({"kind": "generate", "model": "smollm2-embed:135m", "prompt": "x"}, "completion"),
    ({"kind": "generate", "model": "smollm2:135m", "prompt": "x", "suffix": "y"}, "insert"),
    (CHAT | {"model": "smollm2:135m", "tools": [{"type": "function"}]}, "tools"),
    (CHAT | {"model": "smollm2:135m", "think": True}, "thinking"),
    ({"kind": "chat", "model": "smollm2:135m", "messages": [{"role": "user", "images": [IMAGE]}]}, "vision"),
    ({"kind": "embedding", "model": "smollm2:135m", "input": "x"}, "embedding"),
]


@pytest.mark.parametrize(("request_fields", "capability"), LACKING, ids=[f"{f['kind']}-{c}" for f, c in LACKING])
def test_what_the_model_lacks_is_told_alike_by_every_door(
    service: Service, request_fields: dict[str, Any], capability: str
) -> None:
    """`submit`, `submit_many`, a batch and the inbox say `unsupported`, and what the model can do. No host is asked."""
    wanted = f"has no {capability}: its capabilities are "
    for submit in (service.queue.submit, lambda one: service.queue.submit_many([one])):
        with pytest.raises(InvalidRequest, match=wanted) as refused:
            submit(request_fields)
        assert refused.value.code == "unsupported"

    (result,) = service.queue.batch([request_fields])
    assert result.error is not None
    assert (result.error.code, wanted in result.error.message) == ("unsupported", True)

    job_id, kind = fresh_name(), request_fields["kind"]
    request = json.dumps({name: value for name, value in request_fields.items() if name != "kind"})
    service.redis.xadd(service.keys.inbox(), {"id": job_id, "kind": kind, "request": request})
    error = next(event for event in service.queue.job(job_id).events() if event.type == "failed").error
    assert (error.code, wanted in error.message) == ("unsupported", True)
    assert service.list_requests() == []
