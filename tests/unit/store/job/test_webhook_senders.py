"""A webhook that no worker would send is refused when its job is submitted."""

from typing import Any

import pytest

from embedded.scripted.fleet import MODEL, Fleet, make_outcome
from llamaq import InvalidRequest, JobQueue
from llamaq.store.script_drivers import run
from llamaq.store.script_runs import Call
from llamaq.store.worker.webhook_deliveries import Deliveries
from llamaq.store.worker.worker_scripts import Gauges

URL = "https://shop.example/hook"
PRIVATE = ("http://10.0.0.7/x", "http://127.0.0.1:8/x", "http://[::1]/x", "http://localhost/x", "http://a.localhost./x")


def submit(queue: JobQueue, url: str = URL, **fields: Any) -> str:
    return queue.generate(MODEL, "x", notify={"url": url}, **fields).id


def submit_refused(queue: JobQueue, url: str = URL) -> str:
    with pytest.raises(InvalidRequest) as caught:
        submit(queue, url)
    assert [problem.field for problem in caught.value.problems] == ["notify"]
    return str(caught.value)


def test_where_no_worker_has_a_secret(fleet: Fleet) -> None:
    """The error says what to set; nothing is queued, and a job without a webhook is taken."""
    fleet.add_host(webhooks="none")

    assert "LLAMAQ_WEBHOOK_SECRET" in submit_refused(fleet.queue)
    assert list(fleet.queue.jobs()) == []
    assert fleet.queue.generate(MODEL, "x").id


def test_before_the_first_worker_it_is_taken(fleet: Fleet) -> None:
    """The first one may have a secret, as it may have the model. So may one that is older than these words."""
    assert submit(fleet.queue)
    fleet.add_host()
    assert submit(fleet.queue)


@pytest.mark.parametrize("before", [True, False])
def test_one_worker_that_sends_is_enough(fleet: Fleet, before: bool) -> None:
    """Whichever reports first; also where its host is down."""
    if before:
        fleet.add_host("other", webhooks="none")
    fleet.open_store().report_down(1, 1, "refused", webhooks="public")
    fleet.add_host("other", webhooks="none")

    assert submit(fleet.queue)


def test_a_worker_counts_once_it_looks_for_webhooks(fleet: Fleet) -> None:
    """Its Ollama may be slow to answer, and its host is not known before; it states its webhooks once."""
    fleet.add_host("other", webhooks="none")
    assert submit_refused(fleet.queue)
    deliveries = Deliveries(fleet.redis, fleet.keys, "public")

    assert deliveries.take() is None

    assert submit(fleet.queue)
    fleet.redis.delete(f"{fleet.keys.prefix}:webhook_sender:public")
    assert deliveries.take() is None
    assert submit_refused(fleet.queue)


def test_a_worker_that_is_replaced_still_counts(fleet: Fleet) -> None:
    """For a quarter of an hour: as long as that a deployment may leave only others. A worker without a secret: 15 s."""
    fleet.add_host("other", webhooks="none")
    fleet.add_host(webhooks="public")
    sends, none = (f"{fleet.keys.prefix}:webhook_sender:{word}" for word in ("public", "none"))

    assert 890 < fleet.redis.ttl(sends) <= 900
    assert 10 < fleet.redis.ttl(none) <= 15
    fleet.redis.delete(sends)
    assert submit_refused(fleet.queue)
    fleet.redis.delete(none)
    assert submit(fleet.queue)


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_that_no_worker_calls(fleet: Fleet, url: str) -> None:
    """As far as the URL itself says so; another name is resolved by the worker alone."""
    fleet.add_host(webhooks="public")

    assert "LLAMAQ_WEBHOOK_PRIVATE=1" in submit_refused(fleet.queue, url)
    assert submit(fleet.queue)
    fleet.add_host("beta", webhooks="private")
    assert submit(fleet.queue, url)


def test_a_job_that_is_there_already_is_given(fleet: Fleet) -> None:
    """A repeated submit asks for nothing new, so it is not refused when the workers have changed meanwhile."""
    first = submit(fleet.queue, idempotency_key="k")
    fleet.add_host(webhooks="none")

    assert submit(fleet.queue, idempotency_key="k") == first


def _figures(fleet: Fleet) -> tuple[int, int]:
    told = run(fleet.redis, Call(fleet.keys.prefix, Gauges()))
    return told.integer("webhooks_failing"), told.integer("webhooks_unsent")


def test_webhooks_that_fail_or_that_nobody_sends_are_counted(fleet: Fleet, deliveries: Deliveries) -> None:
    """`failing` from the first failed try to the end of the delivery, whichever it is; `unsent` after a minute."""
    store = fleet.add_host()
    for _ in range(2):
        _, claimed = fleet.start_job(store, notify={"url": "https://shop.example/hook"})
        store.complete(claimed, make_outcome("x"))
    assert _figures(fleet) == (0, 0)
    due = f"{fleet.keys.prefix}:webhooks"
    for job_id in fleet.redis.zrange(due, 0, -1):
        fleet.redis.zincrby(due, -61, job_id)
    assert _figures(fleet) == (0, 2)

    first, second = deliveries.take(), deliveries.take()
    assert first
    assert second
    assert deliveries.record_failure(first, "no answer", 0)
    assert deliveries.record_failure(second, "no answer", 0)
    assert _figures(fleet) == (2, 0)

    deliveries.record_success(first)
    assert _figures(fleet) == (1, 0)
    deliveries.record_failure(second, "gone", 0, final=True)
    assert _figures(fleet) == (0, 0)
