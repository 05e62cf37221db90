"""What the gateway may do on a Redis with the users of ops/redis/users.acl: no more than a producer."""

from pathlib import Path

import pytest

from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from ops.topology.redis_server import start_redis
from tests.gateway.batching import build_line, create_batch, read_counts, read_rows, read_text, wait_for_status
from tests.gateway_process import GatewayProcess
from tests.worker_process import WorkerProcess


@pytest.mark.needs("redis-server 7")
def test_a_producers_rights_are_enough_for_files_and_batches(secrets: Path, tmp_path: Path) -> None:
    """The worker loads the scripts; what the gateway reads and writes itself is within the producer's rights."""
    server = start_redis(tmp_path, secrets, tls=False)
    try:
        with (
            ScriptedOllama.start(slots=2) as host,
            JobQueue(server.url("producer")) as queue,
            WorkerProcess(
                server.bare_url("worker"), host.url, None, redis_password_file=secrets / "redis_worker", slots=2
            ) as worker,
        ):
            worker.start().ready(queue)
            host.script(tokens=["fine"], times=None)
            with GatewayProcess(server.bare_url("producer"), redis_password_file=secrets / "redis_producer") as gateway:
                done = wait_for_status(gateway, create_batch(gateway, [build_line("a"), build_line("b")])["id"])
                assert read_counts(done) == (2, 2, 0)
                found = read_rows(gateway, done["output_file_id"])
                assert [read_text(row) for row in found.values()] == ["fine"] * 2
                listed = [
                    gateway.http.get(path).json()["data"]
                    for path in ("/v1/files", "/v1/files?order=asc", "/v1/batches")
                ]
                assert [len(entries) for entries in listed] == [2, 2, 1]
                assert gateway.http.get("/v1/files", params={"after": done["output_file_id"]}).status_code == 200
                assert gateway.http.delete(f"/v1/files/{done['output_file_id']}").status_code == 200
                refused = gateway.http.post("/v1/files", files={"file": b"\xff"}, data={"purpose": "batch"})
                assert refused.status_code == 400
                asked = {"model": "smollm2:135m", "input": "hi"}
                response = gateway.http.post("/v1/responses", json=asked).json()
                assert gateway.http.get(f"/v1/responses/{response['id']}").json() == response
                assert gateway.http.delete(f"/v1/responses/{response['id']}").status_code == 200
    finally:
        server.redis.stop()
