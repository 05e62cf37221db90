"""`python3 run.py ops topology`: start all services of the compose file, and run one job."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from demo import services
from demo.services import ServiceMissing
from embedded.process import ServerFailed
from embedded.wheels import NotFetched
from llamaq import JobQueue, LlamaqError
from ops.credentials import OpensslFailed
from ops.topology.packages import PROGRAMS, NotInstalled, find_program, install_packages
from ops.topology.running import NotRunning
from ops.topology.site import Site
from worker.settings.environment import load_settings

FAILURES = (NotRunning, NotInstalled, ServiceMissing, NotFetched, ServerFailed, OpensslFailed, LlamaqError)


def main(arguments: Sequence[str]) -> int:
    """Return 0 if the job completed."""
    parser = argparse.ArgumentParser(prog="python3 run.py ops topology", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--ollama", metavar="URL", help="default: the one of the settings, else the demo's own model")
    parser.add_argument("--keep", action="store_true", help="leave it running until Enter is pressed")
    parser.add_argument("--install", action="store_true", help="first install the programs that are missing (Debian)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="llamaq-topology-") as folder, ExitStack() as stack:
        try:
            _require_programs(install=given.install)
            ollama_url = given.ollama or stack.enter_context(services.provide_ollama(load_settings())).url
            with Site(Path(folder), ollama_url) as site, site.open_producer() as queue:
                site.start_flower()
                site.start_gateway()
                site.start_prometheus()
                _print_addresses(site)
                _run_job(queue)
                if given.keep:
                    sys.stdout.write("running; Enter or Ctrl-C ends it ")
                    sys.stdout.flush()
                    with suppress(KeyboardInterrupt):
                        sys.stdin.readline()
        except FAILURES as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


def _require_programs(*, install: bool) -> None:
    missing = [package for name, package in PROGRAMS.items() if not find_program(name)]
    if missing and not install:
        remedy = f"apt-get install {' '.join(missing)}; `--install` does it, as root on Debian"
        raise NotRunning(f"this machine lacks {', '.join(missing)}: {remedy}")
    install_packages(missing)


def _print_addresses(site: Site) -> None:
    lines = {
        "redis": site.redis.bare_url("producer"),
        "nginx": site.nginx.url,
        "gateway": site.nginx.http_url,
        "flower": f"{site.nginx.url}/flower/",
        "prometheus": site.prometheus_url,
        "secrets": site.secrets,
    }
    sys.stdout.writelines(f"{name:<12}{value}\n" for name, value in lines.items())


def _run_job(queue: JobQueue) -> None:
    able = [model.model for model in queue.models() if "embedding" not in (model.capabilities or ())]
    if not able:
        raise NotRunning("the worker offers no model that answers a prompt: is one pulled?")
    for text in queue.generate(able[0], "Say hello.", options={"num_predict": 40}, first_token_within=120).text():
        sys.stdout.write(str(text))
        sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
