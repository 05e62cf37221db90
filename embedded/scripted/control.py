"""The endpoints by which a test controls the server. They are not in the request log."""

import json
from dataclasses import dataclass

from tornado.web import RequestHandler

from embedded.scripted.dispatcher import Scripts
from embedded.scripted.engine import Holds, ScriptedEngine
from embedded.scripted.request_log import RequestLog
from embedded.scripted.script import Script, ScriptedModel


@dataclass(frozen=True)
class Controls:
    """The parts of the server that a test controls."""

    request_log: RequestLog
    scripts: Scripts
    holds: Holds
    engine: ScriptedEngine


class _Control(RequestHandler):
    def initialize(self, controls: Controls) -> None:
        self.controls = controls


class ScriptControl(_Control):
    """POST a list of scripts to add them; DELETE removes all."""

    async def post(self) -> None:
        for fields in json.loads(self.request.body):
            self.controls.scripts.add(Script(**fields))

    async def delete(self) -> None:
        self.controls.scripts.clear()


class ReleaseControl(_Control):
    """POST `{"name": ...}` releases the requests that are held under this name."""

    async def post(self) -> None:
        self.controls.holds.release(json.loads(self.request.body)["name"])


class ModelControl(_Control):
    """POST a model to add or replace it; DELETE `?name=` takes one off the disk."""

    async def post(self) -> None:
        fields = json.loads(self.request.body)
        self.controls.engine.set_model(ScriptedModel(**{**fields, "capabilities": tuple(fields["capabilities"])}))

    async def delete(self) -> None:
        self.controls.engine.remove_model(self.get_argument("name"))


class StatsControl(_Control):
    """GET the request log.

    `?newer=<version>` waits for a newer version, `?after=<number>` adds the requests behind that one.
    """

    async def get(self) -> None:
        await self.controls.request_log.wait_newer_than(int(self.get_argument("newer", "-1")))
        after = self.get_argument("after", None)
        self.finish(self.controls.request_log.to_json(after=None if after is None else int(after)))


def control_routes(controls: Controls) -> list[tuple[str, type[RequestHandler], dict[str, Controls]]]:
    """Path, handler and its arguments."""
    handlers: dict[str, type[RequestHandler]] = {
        "/_script": ScriptControl,
        "/_release": ReleaseControl,
        "/_model": ModelControl,
        "/_stats": StatsControl,
    }
    return [(path, handler, {"controls": controls}) for path, handler in handlers.items()]
