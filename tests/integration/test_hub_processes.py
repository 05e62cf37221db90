"""The subscription connection of a queue object in a process that forks, and in one that ends while it reads."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from embedded.child import bind_command
from embedded.redis import EmbeddedRedis
from tests.integration.written_logs import World
from tests.service import wait_until
from tests.worker_process import CHECKOUT

FORKED = """
import os, sys, threading
from llamaq import JobQueue

url, prefix, job_id = sys.argv[1:]
queue = JobQueue(url, prefix=prefix)
stream = queue.job(job_id).events(fresh=False)
next(stream)
hub, pool = queue._connection._hubs.current(), queue._connection._client().connection_pool
held, forked = threading.Event(), threading.Event()

def hold():
    with hub._changing, pool._lock, pool._event_dispatcher._lock:
        held.set()
        forked.wait()

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if not child:
    del stream  # the parent's, which is collected here too
    ends = [event.type for event in queue.job(job_id).events(fresh=False)]
    queue.close()
    os._exit(0 if ends[-1] == "cancelled" else 1)
forked.set()
ends = [event.type for event in stream]
print(ends[-1], os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

LEFT = """
import sys
from llamaq import JobQueue

url, prefix, job_id = sys.argv[1:]
stream = JobQueue(url, prefix=prefix).job(job_id).events(fresh=False)
print(next(stream).type)
"""

LEFT_ASYNC = """
import asyncio, sys
from llamaq import AsyncJobQueue

url, prefix, job_id = sys.argv[1:]

async def main():
    stream = AsyncJobQueue(url, prefix=prefix).job(job_id).events(fresh=False)
    print((await anext(stream)).type)

asyncio.run(main())
"""


@pytest.fixture
def world(redis_server: EmbeddedRedis, prefix: str) -> Iterator[World]:
    """Jobs, and a queue."""
    with closing(World(redis_server, prefix)) as world:
        yield world


def started(program: str, world: World, job_id: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, world.url, world.prefix, job_id]
    return subprocess.Popen(
        bind_command(command), cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_forked_process_has_a_connection_of_its_own(world: World) -> None:
    """As gunicorn and Celery fork: parent and child follow a job, each over its own connection.

    A thread of the parent is in the middle of a change just then, and has a lock of redis-py.
    """
    job = world.job()
    process = started(FORKED, world, job.id)
    try:
        wait_until(lambda: len(world.subscriptions()) == 2)
        world.write(job.id, 3)
        world.end(job.id)
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()

    assert (out, errors) == ("cancelled 0\n", "")


@pytest.mark.parametrize("program", [LEFT, LEFT_ASYNC], ids=["blocking", "asyncio"])
def test_a_program_may_end_while_it_reads(world: World, program: str) -> None:
    """Without `close`: at once, and without a word."""
    process = started(program, world, world.job().id)
    try:
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()

    assert (process.returncode, out, errors) == (0, "queued\n", "")
