"""Redis is away in the middle of a batch: it goes on, and each line is answered once."""

import json

from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from llamaq import JobQueue
from tests.gateway.batching import (
    build_line,
    create_batch,
    get_batch,
    read_counts,
    read_rows,
    read_text,
    wait_for_status,
)
from tests.gateway_process import GatewayProcess
from tests.service import Service, fresh_name, wait_until
from tests.worker_process import WorkerProcess


def test_a_batch_goes_on_when_redis_is_back() -> None:
    """What was answered before stays; what was in the queue is not asked again."""
    prefix = f"test-{fresh_name()[:12]}"
    with (
        EmbeddedRedis.start() as server,
        JobQueue(server.url, prefix=prefix) as queue,
        ScriptedOllama.start(slots=2) as ollama,
        WorkerProcess(server.url, ollama.url, prefix=prefix, slots=2, lease_seconds=20) as worker,
        GatewayProcess(server.url, prefix=prefix, call_seconds=3, gateway_batch_in_flight=5) as gateway,
    ):
        worker.start().ready(queue)
        service = Service(server.url, prefix, queue, ollama)
        gate = fresh_name()
        ollama.script(tokens=["fine"], times=4)
        ollama.script(hold=gate, tokens=["late"], times=2)
        ollama.script(tokens=["fine"], times=None)
        batch = create_batch(gateway, [build_line(str(number)) for number in range(20)])
        service.wait_held(gate, 2)
        wait_until(lambda: read_counts(get_batch(gateway, batch["id"]))[1] == 4)

        server.shut_down()
        assert gateway.http.get(f"/v1/batches/{batch['id']}").status_code == 503
        ollama.release(gate)
        server.restart()
        wait_until(lambda: gateway.http.get("/readyz").status_code == 200)

        done = wait_for_status(gateway, batch["id"])
        assert (done["status"], read_counts(done)) == ("completed", (20, 20, 0))
        texts = [read_text(row) for row in read_rows(gateway, done["output_file_id"]).values()]
        assert sorted(texts) == ["fine"] * 18 + ["late"] * 2
        said = [json.dumps(body["messages"]) for body in service.list_requests("/api/chat")]
        assert len(said) == len(set(said)) == 20
        service.close()
