"""`python3 run.py demo`: a job of each main kind on this machine, end to end, with real services."""

import argparse
import signal
from contextlib import ExitStack

from pydantic import ValidationError
from rich.console import Console

from demo import services
from demo.services import Part, ServiceMissing
from demo.walkthrough import Walkthrough
from embedded.process import ServerFailed
from embedded.redis import RedisUnavailable
from embedded.wheels import NotFetched
from llamaq import JobQueue, LlamaqError
from worker.settings.environment import load_settings

SHARED_PREFIX = "llamaq-demo"
"""The prefix in the user's own Redis, so that the demo's worker takes no other jobs."""


def main(arguments: list[str]) -> int:
    """Run the demo: 0 when every job ended as it should, 1 when a part is missing, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python3 run.py demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the services up until Ctrl-C")
    keep: bool = parser.parse_args(arguments).keep
    console = Console(highlight=False)
    try:
        _run(console, keep)
    except KeyboardInterrupt:
        console.print("\nstopped; nothing is left running", style="dim")
        return 130
    except (ServiceMissing, NotFetched, RedisUnavailable, ServerFailed, LlamaqError) as error:
        console.print(f"demo: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except ValidationError as error:
        for problem in error.errors():
            where = "".join(f"{part}: " for part in problem["loc"])
            console.print(f"demo: {where}{problem['msg']}", style="red", markup=False, soft_wrap=True)
        return 2
    return 0


def _run(console: Console, keep: bool) -> None:
    config = load_settings()
    with ExitStack() as stack:
        redis = stack.enter_context(services.provide_redis(config))
        ollama = stack.enter_context(services.provide_ollama(config))
        prefix = config.prefix if redis.ours or config.is_given("prefix") else SHARED_PREFIX
        exports = {"LLAMAQ_REDIS_URL": redis.url, "LLAMAQ_PREFIX": prefix, "LLAMAQ_OLLAMA_URL": ollama.url}
        exports["LLAMAQ_SLOTS"] = str(services.choose_slots(config))
        drain = f"{services.choose_drain_seconds(config):g}"
        process, log = stack.enter_context(services.start_worker({**exports, "LLAMAQ_DRAIN_SECONDS": drain}))
        gateway = stack.enter_context(services.start_gateway(exports)) if keep else ""
        queue = stack.enter_context(JobQueue(redis.url, prefix=prefix))
        _introduce(console, redis, ollama)
        walkthrough = Walkthrough(queue, console, services.await_models(queue, process, log))
        try:
            walkthrough.run()
            if keep:
                _keep(console, exports, walkthrough.model, gateway)
        except KeyboardInterrupt:
            console.print(f"\nstopping; waiting up to {drain} s for running jobs", style="dim", markup=False)
            raise


def _introduce(console: Console, redis: Part, ollama: Part) -> None:
    console.print(f"Redis   {redis.url}  ({redis.what})", style="dim", markup=False)
    console.print(f"Ollama  {ollama.url}  ({ollama.what})", style="dim", markup=False)
    console.print("worker  one Celery process, threads pool", style="dim")


def _keep(console: Console, exports: dict[str, str], model: str, gateway: str) -> None:
    console.print("\nThe services stay up until Ctrl-C. In another terminal, in this directory:\n", style="bold")
    for name, value in exports.items():
        console.print(f"  export {name}={value}", markup=False, soft_wrap=True)
    console.print(f'  python3 run.py llamaq generate {model} "Why is the sky blue?"', markup=False, soft_wrap=True)
    console.print(
        "  PYTHONPATH=. .venv/bin/python your_program.py       # with `from llamaq import JobQueue`", soft_wrap=True
    )
    console.print(f"\nOver HTTP, at {gateway}; the last line needs `pip install openai`:\n", style="bold")
    for line in make_http_lines(gateway, model):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    signal.pause()


def make_http_lines(gateway: str, model: str) -> tuple[str, str, str]:
    """Three commands of a shell that use the gateway: by curl, by Ollama's program, and by OpenAI's client."""
    body = f'{{"kind": "generate", "model": "{model}", "prompt": "Why is the sky blue?"}}'
    return (
        f"curl {gateway}/jobs -H 'Prefer: wait=60' -d '{body}'",
        f"OLLAMA_HOST={gateway} ollama list",
        f"python3 -c \"import openai; print(openai.OpenAI(base_url='{gateway}/v1', api_key='-').responses.create("
        f"model='{model}', input='Why is the sky blue?').output_text)\"",
    )
