"""`python -m ops.topology --ollama URL`: start all services of the compose file, and run one job."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from llamaq import JobQueue, LlamaqError
from ops.topology.running import NotRunning
from ops.topology.site import Site


def main(arguments: Sequence[str]) -> int:
    """Return 0 if the job completed."""
    parser = argparse.ArgumentParser(prog="python -m ops.topology", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--ollama", required=True, help="an Ollama that answers, such as http://127.0.0.1:11434")
    parser.add_argument("--keep", action="store_true", help="leave it running until Enter is pressed")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="llamaq-topology-") as folder:
        try:
            with Site(Path(folder), given.ollama) as site, site.producer() as queue:
                site.start_flower()
                site.start_gateway()
                site.start_prometheus()
                _show(site)
                _one_job(queue)
                if given.keep:
                    input("running; Enter ends it ")
        except (NotRunning, LlamaqError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


def _show(site: Site) -> None:
    lines = {
        "redis": site.redis.bare_url("producer"),
        "nginx": site.door.url,
        "gateway": site.door.http_url,
        "flower": f"{site.door.url}/flower/",
        "prometheus": site.prometheus_url,
        "secrets": site.secrets,
    }
    sys.stdout.writelines(f"{name:<12}{value}\n" for name, value in lines.items())


def _one_job(queue: JobQueue) -> None:
    able = [model.model for model in queue.models() if "embedding" not in (model.capabilities or ())]
    if not able:
        raise NotRunning("the worker offers no model that answers a prompt: is one pulled?")
    for text in queue.generate(able[0], "Say hello.", first_token_within=120).text():
        sys.stdout.write(str(text))
        sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
