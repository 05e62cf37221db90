"""Each door of a worker under random messages: nothing that comes in may end it, hold it up, or blame another job.

A batch is made of one seed, which a failure tells: add it to seeds.json. `FUZZ_SECONDS` is the time for each door.
"""

import base64
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery
from celery.worker.control import Panel

from llamaq import Job
from tests.conftest import MODEL
from tests.faults.malformed import build_entries, build_messages
from tests.faults.site import HOST, Site
from tests.fuzz.conftest import SECONDS, seeds
from tests.fuzz.mutation import Mutator
from tests.service import wait_until

BATCH = 150
CALL = {"id": "c", "function": {"name": "f", "arguments": {"a": [1]}}, "more": {"b": 1}}
ANSWER = {"role": "assistant", "tool_calls": [CALL]}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("generate", {"model": MODEL, "prompt": "x", "options": {"seed": 1, "stop": ["a"]}, "metadata": {"a": "b"}}),
    (
        "chat",
        {"model": MODEL, "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [CALL]}]},
    ),
    (
        "extraction",
        {"model": MODEL, "prompt": "x", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
    ),
    ("embedding", {"model": MODEL, "input": ["a", "b"]}),
]
Send = Callable[[Site, Mutator], None]


def encode_body(mutator: Mutator, body: str) -> dict[str, Any]:
    """Encode a body as kombu does, also compressed."""
    content, headers = body.encode("utf-8", "surrogatepass"), {}
    if mutator.random.random() < 0.1:
        content, headers = zlib.compress(content), {"compression": "application/x-gzip"}
    return {"body": base64.b64encode(content).decode(), "headers": headers}


def send_to_broker(site: Site, mutator: Mutator) -> None:
    """Send a message to one of the worker's queues, with a change in its body, its envelope, or both."""
    draw = mutator.random
    kind, request = draw.choice(REQUESTS)
    job_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
    fields = {"task": f"llamaq.{kind}", "id": job_id}
    body: Any = [[], {"request": request}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    if draw.random() < 0.2:
        fields, body = {}, {**fields, "args": [], "kwargs": {"request": request}, "retries": 0, "eta": None}
    if draw.random() < 0.6:
        body = mutator.change(body)
    made = encode_body(mutator, mutator.write(body))
    queue = draw.choice([site.keys.intake_queue(), site.keys.host_queue(HOST)])
    message: Any = {
        "body": made["body"],
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "timelimit": [None, None], "eta": None, "expires": None, **fields, **made["headers"]},
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": queue},
            "body_encoding": "base64",
            "priority": 0,
        },
    }
    if draw.random() < 0.6:
        message = mutator.change(message)
    list_ = queue + draw.choice(["", "", "", "\x06\x163", "\x06\x169"])
    if draw.random() < 0.1:
        tag = f"left-{draw.getrandbits(64)}"
        noted = mutator.write([message, "", queue] if draw.random() < 0.7 else mutator.change([message, "", queue]))
        site.redis.hset(f"{site.prefix}.unacked", tag, noted.encode("utf-8", "surrogatepass"))
        site.redis.zadd(f"{site.prefix}.unacked_index", {tag: 1})
        return
    site.redis.lpush(list_, mutator.write(message).encode("utf-8", "surrogatepass"))


def send_to_mailbox(site: Site, mutator: Mutator) -> None:
    """Send a command of Celery's remote control."""
    draw = mutator.random
    body: Any = {"method": draw.choice(sorted(Panel.data)), "arguments": {}, "destination": None, "pattern": None}
    body |= {
        "matcher": None,
        "ticket": "t",
        "reply_to": {"exchange": f"reply.{site.keys.mailbox()}", "routing_key": "k"},
    }
    if draw.random() < 0.8:
        body = mutator.change(body)
    made = encode_body(mutator, mutator.write(body))
    message: Any = {
        "body": made["body"],
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1, "expires": 0, **made["headers"]},
        "properties": {
            "delivery_tag": "t",
            "delivery_info": {"exchange": site.keys.mailbox(), "routing_key": ""},
            "body_encoding": "base64",
        },
    }
    if draw.random() < 0.5:
        message = mutator.change(message)
    site.redis.publish(f"/0.{site.keys.mailbox()}", mutator.write(message).encode("utf-8", "surrogatepass"))


def send_to_inbox(site: Site, mutator: Mutator) -> None:
    """Add an entry to the inbox: a job, a cancel, or a deletion."""
    draw = mutator.random
    kind, request = draw.choice(REQUESTS)
    fields: dict[Any, Any] = {"id": str(uuid.UUID(int=draw.getrandbits(128), version=4)), "kind": kind}
    if draw.random() < 0.1:
        # Chosen by the id, because a further draw would make other batches of the seeds that are kept.
        order = "delete" if fields["id"] < "8" else "cancel"
        fields = {order: fields["id"], "reason": "so"}
    fields["request"] = mutator.write(mutator.change(request) if draw.random() < 0.8 else request)
    if draw.random() < 0.3:
        fields[draw.choice([*fields, mutator.draw_text()])] = draw.choice([mutator.draw_text(), draw.randbytes(9)])
    raw = {_to_bytes(name): _to_bytes(value) for name, value in fields.items()}
    site.redis.xadd(site.keys.inbox(), raw)


def _to_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def is_drained(site: Site) -> bool:
    """Whether the worker has taken all that came."""
    lists = [site.keys.intake_queue(), site.keys.host_queue(HOST)]
    waiting = sum(site.redis.llen(name + step) for name in lists for step in ("", "\x06\x163", "\x06\x169"))
    return not waiting and not site.redis.xlen(site.keys.inbox())


def run(site: Site, door: str, send: Send) -> int:
    """Batches until the time is over; how many messages that were."""
    number = 0
    for seed in seeds(door):
        mutator = Mutator(seed)
        innocent: list[Job[Any]] = []
        for index in range(BATCH):
            send(site, mutator)
            if index % 50 == 0:
                innocent.append(site.queue.generate(MODEL, "innocent"))
        number += BATCH
        try:
            wait_until(lambda: is_drained(site))
            for job in innocent:
                assert job.result(60).attempts == 1
            assert_blamed_rightly(site, {job.id for job in innocent})
        except BaseException:
            print(f"--- the seed of {door} is {seed}")  # noqa: T201 - for seeds.json
            raise
        assert site.workers[0].process.poll() is None, f"seed {seed}: the worker has ended"
    return number


def assert_blamed_rightly(site: Site, innocent: set[str]) -> None:
    """No dead letter has the id of a job that is not its own; and each that has an id has a job that ended."""
    letters = [fields for _, fields in site.redis.xrange(site.keys.dead())]
    site.redis.delete(site.keys.dead())
    ids = {letter["id"] for letter in letters} - {""}
    assert not ids & innocent
    for job_id in ids:
        assert site.redis.exists(site.keys.record(job_id)), job_id
    assert all(letter["reason"] for letter in letters)


@pytest.mark.timeout(SECONDS + 180)
@pytest.mark.parametrize(
    ("door", "send"), [("broker", send_to_broker), ("control", send_to_mailbox), ("inbox", send_to_inbox)]
)
def test_nothing_that_comes_in_harms_a_worker(
    target: Site, door: str, send: Send, record_property: Callable[[str, object], None]
) -> None:
    """It neither ends nor hangs, loops over nothing, and blames no other job; a job behind it all completes."""
    for text in build_messages().values():
        target.redis.lpush(target.keys.intake_queue(), text)
    for entry in build_entries().values():
        target.redis.xadd(target.keys.inbox(), entry)

    number = run(target, door, send)

    record_property("inputs", number)
    print(f"{door}: {number} messages")  # noqa: T201 - told by `-s`, and where it fails
    with Celery("operator", broker=target.url, set_as_current=False) as app:
        app.conf.control_exchange = target.prefix
        assert app.control.ping(timeout=20, limit=1)
    assert target.queue.generate(MODEL, "behind it all").result(60).attempts == 1
    target.start_worker(probe_seconds=0.5)  # a worker returns at its start what others have left behind
    wait_until(lambda: not target.redis.hlen(f"{target.prefix}.unacked") and is_drained(target))
    assert target.queue.generate(MODEL, "behind that too").result(60).attempts == 1
    assert [worker.process.poll() for worker in target.workers] == [None, None]
