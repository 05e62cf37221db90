"""`python -m embedded.scripted --port 0`: serve until SIGTERM; the first line printed is the URL."""

import argparse
import asyncio
import json

from embedded.engine.scheduler import Scheduler
from embedded.ollama.routes import ROUTES
from embedded.ollama.server import OllamaState, Server
from embedded.ollama.serving import serve
from embedded.scripted.control import Controls, control_routes
from embedded.scripted.dispatcher import ScriptedDispatcher, Scripts
from embedded.scripted.engine import Holds, ScriptedEngine
from embedded.scripted.request_log import RequestLog
from embedded.scripted.script import MODELS, ScriptedModel
from llamaq.settings.numerals import parse_number, parse_whole


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m embedded.scripted", description=__doc__)
    parser.add_argument("--port", type=parse_whole, default=0)
    parser.add_argument("--slots", type=parse_whole, default=1, help="requests at a time per model")
    parser.add_argument("--max-queue", type=parse_whole, default=512)
    parser.add_argument("--max-models", type=parse_whole, default=3)
    parser.add_argument("--keep-alive", type=parse_number, default=300.0, help="seconds")
    parser.add_argument("--models", default="", help="JSON list, instead of the usual ones")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    models = [ScriptedModel(**fields) for fields in json.loads(arguments.models)] if arguments.models else MODELS
    request_log, scripts = RequestLog(), Scripts()
    holds = Holds(request_log)
    engine = ScriptedEngine(models, request_log, holds)
    scheduler = Scheduler(engine, arguments.slots, arguments.max_queue, arguments.max_models)
    state = OllamaState(engine, scheduler, arguments.keep_alive, dispatcher=ScriptedDispatcher(request_log, scripts))
    controls = Controls(request_log, scripts, holds, engine)
    await serve(Server(state, [*ROUTES, *control_routes(controls)], arguments.port))


if __name__ == "__main__":
    asyncio.run(_run(_parse_arguments()))
