"""Jobs past their `start_within`: whoever meets one first ends it, and none of them costs a slot."""

from embedded.scripted.fleet import Fleet, make_outcome


def test_a_late_head_of_the_line_is_not_placed(fleet: Fleet) -> None:
    """A slot becomes free before the reaper has looked: late ones end, the first in time gets the slot."""
    store = fleet.add_host()
    _, claimed = fleet.start_job(store)
    late = [fleet.submit(start_within=30) for _ in range(3)]
    in_time = fleet.submit(start_within=600)
    for job in late:
        fleet.expire_start_within(job.id)
    fleet.take_messages()

    store.complete(claimed, make_outcome())

    assert [message.job_id for message in fleet.take_messages()] == [in_time.id]
    assert list(fleet.slots()) == [in_time.id]
    assert [fleet.types(job.id) for job in late] == [["queued", "expired"]] * 3
    assert all("host" not in fleet.record(job.id) for job in late)


def test_late_jobs_end_when_their_host_comes_back(fleet: Fleet) -> None:
    """While no host was there they waited; the first report ends them, and serves the next."""
    late, in_time = fleet.submit(start_within=30), fleet.submit()
    fleet.expire_start_within(late.id)

    fleet.add_host()

    assert list(fleet.slots()) == [in_time.id]
    assert fleet.record(late.id)["state"] == "expired"


def test_a_line_of_late_jobs_alone_leaves_the_host_free(fleet: Fleet) -> None:
    """Fifty of them, and a slot that nobody holds afterwards: no lease, no message."""
    late = [fleet.submit(start_within=30) for _ in range(50)]
    for job in late:
        fleet.expire_start_within(job.id)

    fleet.add_host(slots=2)

    assert (fleet.slots(), fleet.leases(), fleet.take_messages()) == ({}, [], [])
    assert {fleet.record(job.id)["state"] for job in late} == {"expired"}
    assert fleet.waiting_jobs() == []


def test_a_late_turn_lets_the_next_one_of_its_conversation_in(fleet: Fleet) -> None:
    """The turn behind it waited for it alone, and is assigned in the same step."""
    late = fleet.queue.chat("smollm2:135m", conversation="c", message="a", start_within=30, wait_for_model=True)
    behind = fleet.queue.chat("smollm2:135m", conversation="c", message="b", wait_for_model=True)
    fleet.expire_start_within(late.id)

    fleet.add_host()

    assert fleet.record(late.id)["state"] == "expired"
    assert list(fleet.slots()) == [behind.id]
