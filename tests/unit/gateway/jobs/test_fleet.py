"""The fleet as a key sees it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.access.caller import Caller
from gateway.http.errors import GatewayError
from gateway.jobs.fleet import hosts, models, require_operator, router
from llamaq.vocabulary.models import HostStatus, ModelStatus

FAILURE = "cannot reach Ollama at http://10.0.0.7:11434: Connection refused"
MODEL = ModelStatus(model="m:latest", host="gpu", last_error=FAILURE)
HOST = HostStatus(host="gpu", last_error=FAILURE, models=(MODEL,))


class Queue:
    """One host with one model, both failed."""

    async def hosts(self) -> list[HostStatus]:
        """The host."""
        return [HOST]

    async def models(self) -> list[ModelStatus]:
        """Its model."""
        return [MODEL]


@pytest.mark.parametrize(("admin", "told"), [(False, None), (True, FAILURE)])
def test_only_an_operator_sees_the_address_in_a_failure(admin: bool, told: str | None) -> None:
    """Of hosts, of the models in them, and of models."""
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(queue=Queue())))
    caller = Caller("k", "t", admin=admin)
    (host,) = asyncio.run(hosts(request, caller))["hosts"]
    (model,) = asyncio.run(models(request, caller))["models"]

    assert [host["last_error"], host["models"][0]["last_error"], model["last_error"]] == [told] * 3


def test_only_an_operator_pauses_and_lists_workers() -> None:
    """403 for any other key, on each of the paths."""
    with pytest.raises(GatewayError) as caught:
        asyncio.run(require_operator(Caller("k", "t")))
    assert (caught.value.status, caught.value.code) == (403, "operators_only")
    guarded = {route.path for route in router.routes if "operator" in str(route.dependant.dependencies)}  # type: ignore[attr-defined]  # FastAPI's routes
    assert guarded == {"/workers", "/pause", "/drain", "/resume"}
