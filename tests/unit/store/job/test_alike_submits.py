"""Jobs that one call accepts together: all is as if each had come alone."""

import uuid
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from embedded.redis import EmbeddedRedis
from embedded.scripted.fleet import MODEL, Fleet
from llamaq.admission import submission
from llamaq.store.answers import Answer
from llamaq.store.script_drivers import run_many
from llamaq.store.script_runs import MOST_GROUPED, Call
from tests.unit.store.held import find_differences, read_keys

OTHER = "other:latest"
MINUTES = 100
"""Of service time, so that estimates are multiples of it, and the milliseconds of a test do not count."""
LEFT_BEHIND = "job-7"
"""A job whose record was deleted by hand while it waited."""

FIELDS = st.sampled_from(
    (
        {"model": OTHER},
        {"model": "unknown"},
        {"model": "unknown", "wait_for_model": True},
        {"priority": "interactive"},
        {"priority": "batch"},
        {"tenant": "heavy"},
        {"tenant": "light"},
        {"options": {"num_ctx": 2048}},
        *({"idempotency_key": key} for key in "abc"),
        {"start_within": 600},
        {"start_after": 600},
        {"metadata": {"a": "b"}},
        {"notify": {"url": "https://example.com/"}},
        {"conversation": "c"},
        {"conversation": "c", "when_busy": "reject"},
    )
)
JOBS = st.lists(FIELDS, max_size=2).map(lambda found: {name: value for each in found for name, value in each.items()})
RUNS = st.lists(st.tuples(JOBS, st.integers(1, 8)), min_size=1, max_size=6)
"""Jobs, each so many times: those of one kind in a row are accepted together."""
PLAIN: dict[str, Any] = {}


def calls(fleet: Fleet, runs: list[tuple[dict[str, Any], int]], first_id: int, twice: int) -> list[Call]:
    """Submits with the same ids in each fleet; the job `twice` has the id of the one before it."""
    jobs = [fields for fields, number in runs for _ in range(number)]
    made: list[Call] = []
    for number, fields in enumerate(jobs):
        turn = {"kind": "chat", "message": "q"} if "conversation" in fields else {"kind": "generate", "prompt": "hi"}
        job_id = f"job-{first_id + number - (number == twice)}"
        item = fleet.queue._preparation.prepare_item({"model": MODEL, **turn, **fields}, job_id)
        made.append(submission.build_call(item, fleet.queue.settings))
    return made


def begin(fleet: Fleet, slots: int) -> None:
    """Two hosts, a model whose service time is known, and what an operator has left behind."""
    fleet.redis.hset(f"{fleet.keys.prefix}:service", MODEL, f"{MINUTES} {MINUTES}")
    shares = {
        "gone": -50,
        "soon": -0.999995,
        "light": -0.999993,
    }  # a new tenant begins at -1, and each job adds 0.000001
    fleet.redis.zadd(f"{fleet.keys.prefix}:tenants:normal:{MODEL}", shares)
    fleet.redis.set(f"{fleet.keys.prefix}:webhook_sender:none", 1)
    if slots:
        fleet.add_host(slots=slots, models=[MODEL, OTHER], loaded=[MODEL])
    run_many(fleet.redis, calls(fleet, [({"tenant": "light"}, 5), (PLAIN, 4)], 1, 0)[6 : 6 + (slots != 1)])
    fleet.redis.delete(fleet.keys.record(LEFT_BEHIND))


def outcomes(answers: list[Answer | Exception]) -> list[str]:
    """What each producer is told."""
    return [f"{type(each).__name__} {each}" for each in answers]


UNKNOWN = {"model": "unknown"}
ORDERS: tuple[list[tuple[dict[str, Any], int]], ...] = (
    [(PLAIN, MOST_GROUPED)],
    [
        (PLAIN, 3),
        ({"model": OTHER}, 3),
        (PLAIN, 3),
        ({"options": {"num_ctx": 2048}}, 3),
        (PLAIN, 2),
        ({"tenant": "light"}, 3),
    ],
    [(PLAIN, 3), ({"priority": "batch"}, 3), ({"priority": "batch", "tenant": "heavy"}, 3), (PLAIN, 3)],
    [(PLAIN, 3), ({"conversation": "c"}, 3), (PLAIN, 3)],
    [(PLAIN, 3), ({"notify": {"url": "https://example.com/"}}, 3), ({"start_after": 600}, 3), (PLAIN, 3)],
    [(PLAIN, 3), ({"kind": "multimodal", "images": ["sha256:" + "0" * 64]}, 3), (PLAIN, 3)],
    [(UNKNOWN | {"wait_for_model": True}, 3), (UNKNOWN, 3)],
)
"""Of one call each."""


@given(
    runs=RUNS,
    later=RUNS,
    slots=st.integers(0, 3),
    twice=st.integers(0, 20),
    most=st.sampled_from((2, 12, 25, 99)),
    known=st.booleans(),
)
@example(runs=ORDERS[0], later=[({"tenant": "light"}, 3), (PLAIN, 9)], slots=1, twice=99, most=99, known=True)
@example(runs=[(PLAIN, 1)], later=[(PLAIN, 3)], slots=1, twice=99, most=99, known=True)
@example(runs=ORDERS[1], later=ORDERS[1], slots=0, twice=99, most=99, known=False)
@example(runs=ORDERS[2], later=ORDERS[2], slots=1, twice=99, most=12, known=False)
@example(runs=ORDERS[3], later=ORDERS[3], slots=1, twice=99, most=99, known=False)
@example(runs=ORDERS[4], later=ORDERS[4], slots=1, twice=99, most=99, known=False)
@example(runs=ORDERS[5], later=ORDERS[5], slots=1, twice=99, most=99, known=False)
@example(runs=ORDERS[6], later=ORDERS[6], slots=1, twice=99, most=99, known=False)
@settings(
    max_examples=100,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_one_call_leaves_what_single_calls_leave(
    redis_server: EmbeddedRedis,
    runs: list[tuple[dict[str, Any], int]],
    later: list[tuple[dict[str, Any], int]],
    slots: int,
    twice: int,
    most: int,
    known: bool,
) -> None:
    """Answers, records, logs, queues, shares and counts, whatever the jobs are, and whatever was there before."""
    found = []
    for number in (MOST_GROUPED, 1):
        limits = {"max_queued": most, "max_queued_per_tenant": 2 * most // 3, "tenant_weights": {"heavy": 4.0}}
        fleet = Fleet(redis_server.url, f"alike-{uuid.uuid4().hex}", **limits)
        begin(fleet, slots)
        answers: list[str] = []
        for first_id, each in ((1, runs), (0 if known else 60, later)):
            made = calls(fleet, each, first_id, twice)
            for start in range(0, len(made), number):
                answers += outcomes(run_many(fleet.redis, made[start : start + number]))
        texts = [answer.replace(fleet.keys.prefix, "") for answer in answers]
        found.append({**read_keys(fleet), "answers": [text.partition("retry_after")[0] for text in texts]})
        fleet.redis.delete(*(fleet.keys.prefix + name for name in fleet.key_names()))
        fleet.close()

    assert find_differences(*found) == {}
