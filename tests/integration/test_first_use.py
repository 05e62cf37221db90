"""The first calls of a process make nothing anew that each of many threads would make for itself."""

import subprocess
import sys

from embedded.child import bind_command
from tests.conftest import MODEL
from tests.service import Service
from tests.worker_process import CHECKOUT

PROGRAM = """
import sys
from pydantic._internal._generate_schema import GenerateSchema
from llamaq import JobQueue
from llamaq.store import scripts

url, prefix, model = sys.argv[1:]
queue = JobQueue(url, prefix=prefix)

def late(*given):
    raise AssertionError("this is made at its first use")

GenerateSchema.generate_schema = scripts.assemble = late
job = queue.generate(model, "Hi")
print([event.type for event in job.events()][-1], job.status().state, job.result().text != "")
"""


def test_what_a_submit_its_readers_and_status_need_is_made_with_the_queue(service: Service) -> None:
    """Sixty-four threads that begin at once would build the validators and the script sixty-four times."""
    command = [sys.executable, "-c", PROGRAM, service.url, service.prefix, MODEL]
    done = subprocess.run(bind_command(command), cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout, done.stderr) == ("completed completed True\n", "")
