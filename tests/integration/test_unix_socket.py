"""Everything over a Unix socket: both clients, a worker and its broker."""

import asyncio
from pathlib import Path

import redis

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import AsyncJobQueue, JobQueue
from tests.conftest import MODEL
from tests.worker_process import WorkerProcess


def test_paperless_ngx_2072_a_unix_socket(tmp_path: Path) -> None:
    """With user, password and a database, and with no port of Redis to fall back to."""
    path = tmp_path / "a redis.sock"
    with (
        EmbeddedRedis.start(options=("--unixsocket", str(path))) as server,
        redis.Redis(port=server.port) as client,
        ScriptedOllama.start() as ollama,
    ):
        client.execute_command("ACL", "SETUSER", "me", "on", ">p@ss/#", "~*", "&*", "+@all")
        client.execute_command("ACL", "SETUSER", "default", "off")
        url = f"unix://me:p%40ss%2F%23@{str(path).replace(' ', '%20')}?db=3"

        async def generate() -> str:
            async with AsyncJobQueue(url) as queue:
                job = await queue.generate(MODEL, "x")
                return (await job.result(30)).text

        with JobQueue(url) as queue, WorkerProcess(url, ollama.url, slots=1) as worker:
            worker.start().ready(queue)
            assert queue.generate(MODEL, "x").result(30).text
            assert asyncio.run(generate())
