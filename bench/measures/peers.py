"""The time of one submit of other task queues, each with the packages of its own venv, in the same run as ours."""

import subprocess
from pathlib import Path

from bench import peers
from bench.environment.venvs import NotInstalled, installed
from bench.figures.results import Results
from bench.figures.spread import percentile
from bench.plan import Plan

PACKAGES = {"rq": "rq", "arq": "arq", "taskiq": "taskiq-redis", "dramatiq": "dramatiq[redis]"}
"""By name in `bench.peers.enqueue`, what pip installs."""
PROGRAM = Path(peers.__file__).with_name("enqueue.py")
MAX_WAIT_SECONDS = 120.0


def pythons(results: Results) -> dict[str, Path]:
    """The Python of each that pip installs. `peers` of what the results are about has the reason for each other."""
    found: dict[str, Path] = {}
    reasons: dict[str, str] = {}
    for name, package in PACKAGES.items():
        try:
            found[name] = installed(package)
        except (NotInstalled, OSError, subprocess.SubprocessError) as error:
            reasons[name] = f"not measured: pip could not install it ({error})"
    results.about["peers"] = reasons
    return found


def submits(python: Path, name: str, redis_url: str, plan: Plan, results: Results) -> None:
    """Time one submit after another of one queue."""
    command = [str(python), str(PROGRAM), name, redis_url, str(plan.submits)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MAX_WAIT_SECONDS, check=False)
    if done.returncode:
        results.about["peers"][name] = f"not measured: {done.stderr.strip().rpartition(chr(10))[2]}"
    else:
        results.add("submit_ms", name, percentile([float(line) for line in done.stdout.split()], 50))
