"""Other task queues in the same run, each with the packages of its own venv, and the time of one submit of them."""

import subprocess
from pathlib import Path

from bench import peers
from bench.environment.services import MODEL, Services
from bench.environment.venvs import PACKAGES, NotInstalled, install
from bench.environment.workers import PEERS
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.paths import PATHS, Addresses
from bench.paths import Path as Route
from bench.plan import Plan

PROGRAM = Path(peers.__file__).with_name("enqueue.py")
MAX_WAIT_SECONDS = 120.0


def pythons(results: Results) -> dict[str, Path]:
    """Install each, and return the Pythons. `peers` of what the results are about has why one was not installed."""
    found: dict[str, Path] = {}
    reasons: dict[str, str] = {}
    for name, packages in PACKAGES.items():
        try:
            found[name] = install(*packages)
        except (NotInstalled, OSError, subprocess.SubprocessError) as error:
            reasons[name] = f"not measured: pip could not install it ({error})"
    results.about["peers"] = reasons
    return found


def paths(on: Services) -> dict[str, type[Route]]:
    """The paths through the workers that run."""
    return {name: path for name, path in PATHS.items() if name not in PEERS or name in on.workers}


def warm(on: Services) -> None:
    """Wait for an answer of each other task queue: its worker tells in no other way that it has begun."""
    names = [name for name in PEERS if name in on.workers]
    on.host.script(stamp=True, count=1, rate=500, times=len(names))
    for name in names:
        path = PATHS[name](Addresses(on.redis.url, on.host.url, MODEL))
        path.first()
        path.close()


def submits(python: Path, name: str, redis_url: str, plan: Plan, results: Results) -> None:
    """Time one submit after another of one queue."""
    command = [str(python), str(PROGRAM), name, redis_url, str(plan.submits)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAX_WAIT_SECONDS, check=False)
    if done.returncode:
        results.about["peers"][name] = f"not measured: {done.stderr.strip().rpartition(chr(10))[2]}"
    else:
        results.add("submit_ms", name, percentile([float(line) for line in done.stdout.split()], 50))
