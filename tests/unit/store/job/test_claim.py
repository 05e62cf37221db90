"""claim.lua: of all messages for one assignment, exactly one begins the attempt."""

from concurrent.futures import ThreadPoolExecutor

from embedded.scripted.fleet import LEASE_SECONDS, MODEL, Fleet, make_error, make_outcome
from llamaq.store.answers import Answer
from llamaq.store.worker.worker_scripts import Claim


def test_a_claim_begins_an_attempt(fleet: Fleet) -> None:
    """State, attempt, fence and lease are set together with the `started` event, and the job comes with its request."""
    store = fleet.add_host()
    job = fleet.submit(prompt="Why?", tenant="t")

    claimed = fleet.claim(store, job)

    record = fleet.record(job.id)
    assert (record["state"], record["attempt"], record["host"], record["worker"]) == ("running", "1", "alpha", "w1")
    assert (claimed.attempt, claimed.tries, claimed.max_attempts, claimed.kind) == (1, 1, 3, "generate")
    assert (claimed.model, claimed.tenant, claimed.host) == (MODEL, "t", "alpha")
    assert claimed.request.prompt == "Why?"  # type: ignore[union-attr]  # it is a generate request
    assert claimed.waited_seconds >= 0
    assert claimed.ran_seconds == 0
    started = fleet.log(job.id)[-1]
    assert (started["type"], started["attempt"], started["host"], started["worker"]) == ("started", 1, "alpha", "w1")
    seconds, _ = fleet.redis.time()
    assert fleet.redis.zscore(fleet.keys.leases(), f"{job.id} alpha") > seconds + LEASE_SECONDS - 2


def test_doubled_messages_start_one_attempt(fleet: Fleet) -> None:
    """Eight workers of one host hear of the same job at the same time: one gets it."""
    fleet.add_host()
    job = fleet.submit()
    stores = [fleet.open_store(name=f"w{number}") for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda store: store.claim(job.id), stores))

    assert len([claim for claim in claims if claim is not None]) == 1
    assert fleet.types(job.id) == ["queued", "started"]


def test_a_claim_whose_answer_got_lost_may_be_sent_again(fleet: Fleet) -> None:
    """The same claim, sent twice, is one attempt and has one answer; another's claim is refused."""
    fleet.add_host()
    job = fleet.submit()

    def claim(fence: str) -> Answer:
        started = '"host":"alpha","worker":"w1"'
        arguments = Claim(
            id=job.id, host="alpha", lease_seconds=LEASE_SECONDS, worker="w1", members=started, fence=fence
        )
        return fleet.run(arguments)

    first, again = claim("this"), claim("this")

    assert first.word == again.word == "CLAIMED"
    for name in ("attempt", "tries"):
        assert first.integer(name) == again.integer(name) == 1
    assert claim("that").word == "LEASED_ELSEWHERE"
    assert fleet.types(job.id) == ["queued", "started"]


def test_stale_messages_do_nothing(fleet: Fleet) -> None:
    """A message for a job that waits, runs, has ended, is assigned on another host, or never was, claims nothing."""
    store, other = fleet.add_host("alpha"), fleet.add_host("beta", models=["b:latest"])
    assigned, waiting = fleet.submit(), fleet.submit()
    names = fleet.key_names()

    assert store.claim("nobody") is None
    assert store.claim(waiting.id) is None
    assert other.claim(assigned.id) is None
    assert fleet.key_names() == names
    claimed = fleet.claim(store, assigned)
    assert store.claim(assigned.id) is None
    store.complete(claimed, make_outcome())
    assert store.claim(assigned.id) is None
    assert fleet.types(assigned.id) == ["queued", "started", "completed"]


def test_a_job_placed_too_late_expires_instead_of_starting(fleet: Fleet) -> None:
    """`start_within` holds up to the claim: the late job ends `expired`, and its slot goes to the next."""
    store = fleet.add_host()
    late, following = fleet.submit(start_within=30), fleet.submit()
    fleet.redis.hset(fleet.keys.record(late.id), "start_by", 1)
    fleet.take_messages()

    assert store.claim(late.id) is None

    assert fleet.types(late.id) == ["queued", "expired"]
    assert [message.job_id for message in fleet.take_messages()] == [following.id]
    assert list(fleet.slots()) == [following.id]
    assert f"{late.id} alpha" not in fleet.leases()


def test_start_within_counts_for_the_first_start_alone(fleet: Fleet) -> None:
    """A job that has begun in time does not expire in its second attempt."""
    store = fleet.add_host()
    job, claimed = fleet.start_job(store, start_within=30)
    store.release(claimed, make_error(), 0, counts=True)
    fleet.redis.hset(fleet.keys.record(job.id), "start_by", 1)

    again = fleet.claim(store, job)

    assert again.attempt == 2
    assert fleet.types(job.id) == ["queued", "started", "retrying", "started"]


def test_times_are_those_of_redis(fleet: Fleet) -> None:
    """Times in the record and in the events are Redis' own, and agree with each other."""
    store = fleet.add_host()
    job, _ = fleet.start_job(store)

    status = job.status()

    assert status.submitted_at.tzinfo is not None
    assert status.started_at is not None
    assert status.started_at.timestamp() == fleet.log(job.id)[1]["at"]
    assert status.started_at >= status.submitted_at
