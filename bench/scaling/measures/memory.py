"""What Redis keeps in memory: for a job that waits, and for the log of an answer; as it comes, and with smaller nodes.

Redis sets 4,096 bytes aside for the first node of each stream, at most `stream-node-max-bytes`; a waiting job's log
has one event of 150 bytes in it.
"""

import uuid

from bench.figures.results import Results
from bench.scaling.fleet.redis_use import read_use
from bench.scaling.plan import Plan
from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet
from llamaq import GenerateRequest

NODE_BYTES = (4096, 512)
"""Of `stream-node-max-bytes`; the first is Redis' own."""
DELTAS = 1_000
PROMPT = "Explain entanglement to a child of ten, in three sentences."


def measure(plan: Plan, results: Results) -> None:
    """Measure each setting in a Redis of its own."""
    for node_bytes in NODE_BYTES:
        with EmbeddedRedis.start() as redis:
            fleet = Fleet(redis.url, uuid.uuid4().hex, max_queued=plan.kept + 1)
            fleet.redis.config_set("stream-node-max-bytes", node_bytes)
            fleet.submit()  # the first job creates the shared scripts and indexes
            before = read_use(fleet.redis)
            fleet.queue.submit_many([GenerateRequest(model=MODEL, prompt=PROMPT)] * plan.kept)
            used = read_use(fleet.redis).since(before)
            results.add("queued_bytes", str(node_bytes), used.memory / plan.kept)
            results.add("queued_file_bytes", str(node_bytes), used.file_bytes / plan.kept)
            results.add("log_bytes", str(node_bytes), _answer_bytes(fleet))
            fleet.close()


def _answer_bytes(fleet: Fleet) -> float:
    """Measure the growth of a log by a thousand tokens with a delta each."""
    store = fleet.add_host()
    claimed = store.claim(fleet.take_messages()[0].job_id)
    assert claimed is not None, "the job was assigned, and nobody else is there"
    log = fleet.keys.events(claimed.id)
    before = fleet.redis.memory_usage(log, samples=0)
    for number in range(1, DELTAS + 1):
        fleet.append(claimed, number, text=" token")
    return float(fleet.redis.memory_usage(log, samples=0) - before)
