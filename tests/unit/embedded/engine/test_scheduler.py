"""The scheduler of the embedded host, with an engine that only notes what is closed."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from embedded.engine.interface import Engine, Model
from embedded.engine.scheduler import Scheduler

MODEL = cast("Model", SimpleNamespace(blob="weights"))


class Runner:
    """A model in memory."""

    context_length = 1024
    closed = False

    async def close(self) -> None:
        """Note it."""
        self.closed = True


class OneEngine:
    """Loads the model."""

    async def load(self, model: Model, context_length: int) -> Any:
        """A new one each time."""
        return Runner()


def test_a_request_never_gets_a_model_that_is_about_to_leave() -> None:
    """It comes in the very moment in which the keep-alive of the last request is over, and loads the model anew."""

    async def held() -> list[Any]:
        scheduler = Scheduler(cast("Engine", OneEngine()), slots=1, max_queue=1, max_models=1)
        async with scheduler.hold(MODEL, 1024, keep_alive=0) as first:
            pass
        async with scheduler.hold(MODEL, 1024, keep_alive=60) as second:
            for _ in range(3):
                await asyncio.sleep(0)
            return [first.runner, second.runner, second.runner.closed]  # type: ignore[attr-defined]

    first, second, closed = asyncio.run(held())

    assert first.closed
    assert first is not second
    assert not closed
