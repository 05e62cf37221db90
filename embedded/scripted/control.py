"""The endpoints a test steers the server with. They are not in the ledger."""

import json
from dataclasses import dataclass

from tornado.web import RequestHandler

from embedded.scripted.dispatcher import Scripts
from embedded.scripted.engine import Holds, ScriptedEngine
from embedded.scripted.request_log import Ledger
from embedded.scripted.script import Script, ScriptedModel


@dataclass(frozen=True)
class Desk:
    """What can be steered."""

    ledger: Ledger
    scripts: Scripts
    holds: Holds
    engine: ScriptedEngine


class _Control(RequestHandler):
    def initialize(self, desk: Desk) -> None:
        self.desk = desk


class ScriptControl(_Control):
    """POST a list of scripts to add them; DELETE forgets all."""

    async def post(self) -> None:
        for fields in json.loads(self.request.body):
            self.desk.scripts.add(Script(**fields))

    async def delete(self) -> None:
        self.desk.scripts.clear()


class ReleaseControl(_Control):
    """POST `{"name": ...}` lets go what is held there."""

    async def post(self) -> None:
        self.desk.holds.release(json.loads(self.request.body)["name"])


class ModelControl(_Control):
    """POST a model to add or replace it; DELETE `?name=` takes one off the disk."""

    async def post(self) -> None:
        fields = json.loads(self.request.body)
        self.desk.engine.change(ScriptedModel(**{**fields, "capabilities": tuple(fields["capabilities"])}))

    async def delete(self) -> None:
        self.desk.engine.remove(self.get_argument("name"))


class StatsControl(_Control):
    """GET the ledger; `?after=<version>` waits for something newer, `?bodies=1` adds the requests."""

    async def get(self) -> None:
        await self.desk.ledger.newer_than(int(self.get_argument("after", "-1")))
        self.finish(self.desk.ledger.to_json(bodies=self.get_argument("bodies", "") == "1"))


def control_routes(desk: Desk) -> list[tuple[str, type[RequestHandler], dict[str, Desk]]]:
    """Path, handler and its arguments."""
    handlers: dict[str, type[RequestHandler]] = {
        "/_script": ScriptControl,
        "/_release": ReleaseControl,
        "/_model": ModelControl,
        "/_stats": StatsControl,
    }
    return [(path, handler, {"desk": desk}) for path, handler in handlers.items()]
