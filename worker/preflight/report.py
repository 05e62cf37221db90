"""`run.py worker check`: prints each finding, with its remedy."""

import sys
from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from llamaq.escaping import escape_controls
from llamaq.store.clock import SYSTEM, Clock
from worker.certificate_expiry import WARN_DAYS, days_left
from worker.preflight import ollama_checks, redis_checks
from worker.preflight.finding import Finding
from worker.settings import liveness_file
from worker.settings.environment import Settings, describe_unknown_variables
from worker.telemetry.metrics_server import MetricsServer, PortTaken


def main(config: Settings) -> int:
    """Print every finding; 1 when one of them would keep the worker from working."""
    code = 0
    for finding in check(config):
        mark = {True: "ok   ", None: "mind ", False: "WRONG"}[finding.well]
        sys.stdout.write(f"{mark} {finding.name}: {escape_controls(finding.message)}\n")  # it may quote a host
        sys.stdout.flush()
        code = 1 if finding.well is False else code
    return code


def check(config: Settings, clock: Clock = SYSTEM) -> Iterator[Finding]:
    """Check the variables, files, Redis, then Ollama."""
    for remark in describe_unknown_variables():
        yield Finding("settings", None, remark)
    if problem := liveness_file.find_problem(config.liveness_file):
        yield Finding("liveness file", False, problem)
    if config.metrics_port:
        yield _check_metrics_port(config.metrics_host, config.metrics_port)
    yield from redis_checks.check_redis(config)
    for server, days in days_left(config, clock).items():
        said = f"ends in {days:.0f} days" + ("" if days > WARN_DAYS else ": renew it (python3 run.py ops credentials)")
        yield Finding(f"{server} certificate", True if days > WARN_DAYS else None, said)
    yield from ollama_checks.check_ollama(config)


def _check_metrics_port(host: str, port: int) -> Finding:
    try:
        MetricsServer(host, port, CollectorRegistry()).close()
    except PortTaken as error:
        # Only a warning: this worker may be running already, and hold the port.
        return Finding("metrics", None, f"{error}; a worker that is started now would exit")
    return Finding("metrics", True, f"can be served on {host}:{port}")
