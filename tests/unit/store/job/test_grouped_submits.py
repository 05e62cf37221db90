"""submit.lua with several jobs in one call: each is accepted, refused or failed as if it came alone."""

from typing import Any

from redis.exceptions import ResponseError

from embedded.scripted.fleet import MODEL, Fleet, Message
from llamaq.admission import submission
from llamaq.store import script_runs
from llamaq.store.answers import Answer
from llamaq.store.script_drivers import run_many
from llamaq.store.script_runs import MOST_GROUPED, Call
from llamaq.store.scripts import Script


def call(fleet: Fleet, **fields: Any) -> Call:
    """A submit of one job."""
    request = {"kind": "generate", "model": MODEL, "prompt": "hi", **fields}
    return submission.build_call(fleet.queue._preparation.prepare_item(request), fleet.queue.settings)


def broken(fleet: Fleet) -> Call:
    """A submit that fails."""
    made = call(fleet)
    setattr(made.arguments, "max_queued", "no number")  # noqa: B010 - it has another type
    return made


def words(answers: list[Answer | Exception]) -> list[str]:
    """Their outcomes."""
    return [type(answer).__name__ if isinstance(answer, Exception) else answer.word for answer in answers]


def ids(calls: list[Call]) -> list[str]:
    """Of the jobs."""
    return [str(each.arguments.values()["id"]) for each in calls]


def test_jobs_in_one_call_keep_their_order_in_the_queue_and_in_the_list(fleet: Fleet) -> None:
    """Forty jobs are three calls; they start and are listed in the order of their submits."""
    calls = [call(fleet, prompt=str(number)) for number in range(2 * MOST_GROUPED + 8)]
    fleet.redis.config_resetstat()

    assert words(run_many(fleet.redis, calls[:1])) == ["OK"]
    assert words(run_many(fleet.redis, calls[1:])) == ["OK"] * (len(calls) - 1)

    assert fleet.redis.info("commandstats")["cmdstat_evalsha"]["calls"] <= 1 + 1 + 3  # one of them loads the script
    assert fleet.waiting_jobs() == ids(calls)
    assert fleet.redis.zrange(fleet.keys.jobs(), 0, -1) == ids(calls)
    assert [fleet.queue.job(each).status().position for each in ids(calls)] == list(range(len(calls)))
    assert [fleet.record(each)["request"] for each in ids(calls)] == [
        each.arguments.values()["request"] for each in calls
    ]


def test_what_is_refused_stands_between_what_is_accepted(fleet: Fleet) -> None:
    """The model, the idempotency key and the limits are looked at for each job by itself."""
    fleet.add_host()
    known = call(fleet, idempotency_key="k")
    calls = [
        call(fleet, idempotency_key="k"),
        call(fleet, model="nobody-has-it"),
        call(fleet, priority="batch", tenant="other"),
        known,
        call(fleet),
    ]

    answers = run_many(fleet.redis, calls)

    assert words(answers) == ["OK", "UNKNOWN_MODEL", "OK", "SAME", "OK"]
    assert isinstance(answers[3], Answer)
    assert answers[3].text("id") == ids(calls)[0]
    first, _, other, _, last = ids(calls)
    assert fleet.take_messages() == [Message(first, "generate", "alpha")]
    assert fleet.waiting_jobs() == [last]
    assert fleet.waiting_jobs(lane="batch") == [other]
    assert (fleet.record(other)["tenant"], fleet.record(other)["lane"]) == ("other", "batch")


def test_free_slots_are_filled_by_the_jobs_of_one_call(fleet: Fleet) -> None:
    """Each job that finds a slot gets it at once; the others wait."""
    fleet.add_host(slots=2)
    calls = [call(fleet) for _ in range(4)]

    assert words(run_many(fleet.redis, calls)) == ["OK"] * 4

    assert [message.job_id for message in fleet.take_messages()] == ids(calls)[:2]
    assert fleet.waiting_jobs() == ids(calls)[2:]


def test_turns_of_one_conversation_go_behind_each_other(fleet: Fleet) -> None:
    """Two turns in one call, and a job without a conversation between them, which takes nothing over from the first."""
    fleet.add_host(slots=4)
    turn = {"kind": "chat", "model": MODEL, "conversation": "c", "message": "q"}
    first, second = (
        submission.build_call(fleet.queue._preparation.prepare_item(turn), fleet.queue.settings) for _ in range(2)
    )
    calls = [first, call(fleet), second]

    assert words(run_many(fleet.redis, calls)) == ["OK"] * 3

    assert [message.job_id for message in fleet.take_messages()] == ids(calls)[:2]
    assert fleet.record(ids(calls)[1])["conversation"] == ""
    assert fleet.waiting_jobs() == []  # the second turn is behind the first


def test_an_error_of_one_is_its_alone(fleet: Fleet) -> None:
    """A job whose arguments cannot be read fails, and no other of the call."""
    calls = [call(fleet), broken(fleet), call(fleet)]

    answers = run_many(fleet.redis, calls)

    assert words(answers) == ["OK", "ResponseError", "OK"]
    assert "arithmetic" in str(answers[1])
    assert fleet.waiting_jobs() == [ids(calls)[0], ids(calls)[2]]
    assert fleet.record(ids(calls)[1]) == {}


def test_an_error_of_the_first_is_that_of_the_call(fleet: Fleet) -> None:
    """Of a replica or a full Redis each fails alike; so the client sees the error of a call, and asks elsewhere."""
    answers = run_many(fleet.redis, [broken(fleet), call(fleet)])

    assert all(isinstance(answer, ResponseError) for answer in answers)
    assert fleet.waiting_jobs() == []


def test_a_published_script_without_groups_gets_one_job_a_call(fleet: Fleet) -> None:
    """The workers of an earlier version know no `more`: nothing that follows the first job would be read."""
    one = call(fleet)
    older = Script("submit", "", "0" * 40, tuple(name for name in one.script.names if name != "more"), True)
    script_runs._published[fleet.keys.prefix] = {"submit": older}
    try:
        step = next(script_runs.run_steps([one, call(fleet), call(fleet)]))
    finally:
        del script_runs._published[fleet.keys.prefix]

    assert isinstance(step, script_runs.Send)
    assert [len(command) for command in step.commands] == [4 + len(older.names)] * 3
