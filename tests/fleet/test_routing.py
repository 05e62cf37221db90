"""Jobs run where their model is, by what the probes see."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import redis
from celery import Celery

from embedded.redis import EmbeddedRedis
from embedded.scripted.script import ScriptedModel
from llamaq import AsyncJobQueue, InvalidRequest, JobFailed, UnknownModel
from tests.fleet.pair import Pair, pair
from tests.service import fresh_name, wait_until

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQAAAABbAUdZAAAADElEQVR42mNgGNwAAACgAAGO+7G0AAAAAElFTkSuQmCC"
ASKS: list[tuple[str, str, dict[str, Any]]] = [
    ("vision", "images", {"kind": "multimodal", "prompt": "What?", "images": [PIXEL]}),
    ("vision", "images", {"kind": "extraction", "prompt": "What?", "schema": {"type": "object"}, "images": [PIXEL]}),
    ("tools", "tools", {"kind": "chat", "messages": [{"role": "user", "content": "Why?"}], "tools": TOOLS}),
    ("thinking", "think", {"kind": "generate", "prompt": "Why?", "think": "low"}),
    ("embedding", "model", {"kind": "embedding", "input": "Why?"}),
    ("insert", "suffix", {"kind": "generate", "prompt": "def f(", "suffix": "return 1"}),
]
WORDS: list[dict[str, Any]] = [
    {"kind": "generate", "prompt": "Why?"},
    {"kind": "chat", "messages": [{"role": "user", "content": "Why?"}]},
    {"kind": "chat", "conversation": "c", "message": "Why?"},
    {"kind": "multimodal", "prompt": "What?", "images": [PIXEL]},
    {"kind": "extraction", "prompt": "What?", "schema": {"type": "object"}},
]


@pytest.fixture(scope="module")
def both(redis_server: EmbeddedRedis) -> Iterator[Pair]:
    """Hosts x (a, b) and y (b, c). Tests leave these three models as they are."""
    with pair(redis_server.url) as found:
        yield found


def test_each_job_runs_where_its_model_is(both: Pair) -> None:
    """Model a is on x alone, c on y alone; b may run on either."""
    jobs = [both.queue.generate(name, "Why?") for name in "abc" * 4]

    ran = [(job.result(30).model, job.result().host) for job in jobs]

    assert {host for model, host in ran if model == "a:latest"} == {"x"}
    assert {host for model, host in ran if model == "c:latest"} == {"y"}
    assert len(ran) == 12


def test_a_model_of_both_is_shared_by_pull(both: Pair) -> None:
    """Who is free takes the next: each host's share of the jobs is its share of the speed, within 10 %."""
    pace = {"x": 0.2, "y": 0.4}
    for host, seconds in pace.items():
        both.hosts[host].script(contains="shared", first_token_seconds=seconds, times=None)

    jobs = both.queue.submit_many({"kind": "generate", "model": "b", "prompt": "shared"} for _ in range(60))
    shares = Counter(job.result(60).host for job in jobs)

    speed = {host: 1 / _mean_seconds(both, host) for host in pace}
    for host in pace:
        fair = len(jobs) * speed[host] / sum(speed.values())
        assert abs(shares[host] - fair) <= 0.1 * fair + 1, f"{shares}, fair would be {fair} for {host}"


def test_what_is_pulled_and_deleted_is_followed(both: Pair) -> None:
    """A model that y gets runs there with the next probe; once it is deleted, a submit is told what is like it."""
    both.y.set_model(ScriptedModel("pulled:7b"))
    wait_until(lambda: "pulled:7b" in both.offers("y"))
    assert both.queue.generate("pulled:7b", "Why?").result(30).host == "y"

    both.x.set_model(ScriptedModel("pulled:7b"))
    wait_until(lambda: "pulled:7b" in both.offers("x"))
    both.y.remove_model("pulled:7b")
    wait_until(lambda: "pulled:7b" not in both.offers("y"))
    assert {both.queue.generate("pulled:7b", "Why?").result(30).host for _ in range(4)} == {"x"}

    both.x.set_model(ScriptedModel("pulled:3b"))
    both.x.remove_model("pulled:7b")
    wait_until(lambda: {"pulled:7b", "pulled:3b"} & both.offers("x") == {"pulled:3b"})
    with pytest.raises(UnknownModel) as caught:
        both.queue.generate("pulled:7b", "Why?")
    assert caught.value.near == ("pulled:3b",)


def test_a_model_that_vanishes_ends_those_that_wait_for_it(redis_server: EmbeddedRedis) -> None:
    """After LLAMAQ_ORPHAN_SECONDS their error says so; one that was to wait for it runs when it is back."""
    gate = fresh_name()
    with pair(redis_server.url, "x", orphan_seconds=1) as fleet:
        fleet.x.script(hold=gate, model="a:latest", times=2)
        running = [fleet.queue.generate("a", "runs") for _ in range(2)]
        waits, stays = fleet.queue.generate("a", "x"), fleet.queue.generate("a", "x", wait_for_model=True)
        fleet.x.wait(lambda stats: stats["held"].get(gate, 0) == 2)
        fleet.x.remove_model("a:latest")

        with pytest.raises(JobFailed) as caught:
            waits.result(30)

        assert caught.value.code == "model_not_found"
        why = stays.status().why
        assert why is not None
        assert why.word == "no_model"
        fleet.x.release(gate)
        assert {job.result(30).attempts for job in running} == {1}
        fleet.x.set_model(ScriptedModel("a:latest"))
        assert stays.result(30).attempts == 1


def test_a_model_that_nobody_has_can_be_waited_for(both: Pair) -> None:
    """`wait_for_model=True` queues the job; it runs where the model turns up."""
    job = both.queue.generate("awaited", "Why?", wait_for_model=True)

    both.y.set_model(ScriptedModel("awaited:latest"))

    assert job.result(30).host == "y"


@pytest.mark.parametrize(("capability", "field", "request_"), ASKS, ids=[ask[0] for ask in ASKS])
def test_what_the_model_cannot_do_is_refused_at_submit(
    both: Pair, capability: str, field: str, request_: dict[str, Any]
) -> None:
    """The error names the field and what the model can do; nothing is queued."""
    before = len(both.queue.jobs())

    with pytest.raises(InvalidRequest) as caught:
        both.queue.submit({**request_, "model": "b"})

    assert (caught.value.code, caught.value.problems[0].field) == ("unsupported", field)
    assert caught.value.problems[0].message == f"b:latest has no {capability}: its capabilities are completion"
    assert len(both.queue.jobs()) == before


def test_an_embedding_model_is_refused_where_words_are_asked_for(both: Pair) -> None:
    """At submit, for each kind that generates; a batch gives the same code for the item, and goes on."""
    both.y.set_model(ScriptedModel("vectors:latest", ("embedding",)))
    wait_until(lambda: "vectors:latest" in both.offers("y"))

    for asked in WORDS:
        with pytest.raises(InvalidRequest, match="vectors:latest has no completion") as caught:
            both.queue.submit({**asked, "model": "vectors"})
        assert caught.value.code == "unsupported"
    items = [{**WORDS[0], "model": model} for model in ("vectors", "b")]
    refused, done = both.queue.batch(items, ordered=True)

    assert refused.error is not None
    assert (refused.error.code, refused.job_id, done.ok) == ("unsupported", None, True)


def test_the_async_client_refuses_the_same(both: Pair) -> None:
    """One script decides for both clients, also while it waits for a model."""

    async def ask() -> None:
        async with AsyncJobQueue(both.queue.url, settings=both.queue.settings) as queue:
            await queue.generate("b", "Why?", think=True, wait_for_model=True)

    with pytest.raises(InvalidRequest, match="thinking"):
        asyncio.run(ask())


def test_one_host_that_can_is_enough(both: Pair) -> None:
    """A model that has tools on y, though not on x, is not refused; what asks for nothing is never refused."""
    both.x.set_model(ScriptedModel("mixed:latest"))
    both.y.set_model(ScriptedModel("mixed:latest", ("completion", "tools")))
    wait_until(lambda: all("mixed:latest" in both.offers(host) for host in "xy"))

    request = {"kind": "chat", "model": "mixed", "messages": [{"role": "user", "content": "Why?"}], "tools": TOOLS}
    jobs = [both.queue.submit(request) for _ in range(8)]  # either host may be looked at first
    assert both.queue.generate("b", "Why?", think=False).result(30).text

    assert all(job.id for job in jobs)


def test_by_name_and_by_inbox_it_fails_unsupported(both: Pair) -> None:
    """Who cannot be refused gets a job that has failed, with the code of its own."""
    ids = [str(uuid.uuid4()) for _ in range(2)]
    asked = {"model": "b", "prompt": "Why?", "think": True}
    prefix = both.queue.settings.keys.prefix
    with Celery(broker=both.queue.url, set_as_current=False) as app:
        app.send_task("llamaq.generate", kwargs={"request": asked}, queue=prefix, task_id=ids[0], ignore_result=True)
    with redis.Redis.from_url(both.queue.url) as client:
        client.xadd(f"{prefix}:inbox", {"id": ids[1], "kind": "generate", "request": json.dumps(asked)})

    for job_id in ids:
        wait_until(partial(_set_aside, both, job_id))
        with pytest.raises(JobFailed) as caught:
            both.queue.job(job_id).result(30)
        assert caught.value.code == "unsupported"


def _set_aside(both: Pair, job_id: str) -> bool:
    return any(letter.job_id == job_id for letter in both.queue.dead())


def _mean_seconds(both: Pair, host: str) -> float:
    took: list[float] = [
        entry["ended_at"] - entry["started_at"]
        for entry in both.hosts[host].stats()["requests"]
        if "shared" in entry["body"] and entry["ended_at"] is not None
    ]
    return sum(took) / len(took)
