"""What the bench of scaling makes of its figures."""

import re
from pathlib import Path

import pytest

from bench.figures.page import replace_parts
from bench.figures.results import Results
from bench.scaling.figures import report
from bench.scaling.figures.medians import BUDGET_US, SLOTS, Medians
from bench.scaling.figures.sizing import numbers
from bench.scaling.fleet.sentinel import DOWN_MILLISECONDS
from bench.scaling.plan import RATE
from llamaq import JobQueue

PAGE = (Path(__file__).parents[3] / "docs" / "scaling.md").read_text()

MEASURED: dict[str, dict[str, float]] = {
    "long_per_second": {"1": 1.0, "2": 2.0, "8": 7.0},
    "long_cores": {"1": 0.1, "2": 0.2, "8": 0.8},
    "long_machine": {"1": 10, "2": 20, "8": 50},
    **{f"flood_{name}": {"1": 100, "2": 150} for name in ("per_second", "cores", "machine", "worker_us", "redis_us")},
    **{f"idle_{name}": {"1": 40, "8": 110} for name in ("commands", "reads", "redis_us", "clients")},
    "idle_worker_percent": {"1": 1, "8": 1},
    **{
        f"{call}_{unit}": {"1/100": 2.0, "1/1000": 2.2}
        for call in ("submit", "turn", "status")
        for unit in ("ms", "us")
    },
    **{
        f"hosts_{call}_{unit}": {"1": 40.0, "1000": 10_030.0}
        for call in ("submit", "turn", "report", "rescue")
        for unit in ("ms", "us")
    },
    **{
        f"simulation_{name}": {"simulated": 5}
        for name in ("jobs_per_second", "redis_percent", "job_us", "slots_percent", "lost")
    },
    "job_commands": {"20": 180}, "job_reads": {"20": 14}, "job_redis_us": {"20": 1000}, "job_bytes": {"20": 5000},
    "job_file_bytes": {"20": 8000},
    "token_commands": {"20": 6, "200": 0.6}, "token_reads": {"20": 0.3}, "token_deltas": {"20": 1, "200": 0.1},
    "token_redis_us": {"20": 40, "200": 4, "read": 50}, "token_worker_us": {"20": 200}, "token_file_bytes": {"20": 300},
    "token_sent_bytes": {"read": 100}, "reader_clients": {"read": 1},
    **{f"failover_{name}_seconds": {"sentinel": 3} for name in ("submit", "silence")},
    **{f"failover_{name}": {"sentinel": 3} for name in ("answers", "whole", "doubled", "missed", "again")},
    "queued_bytes": {"4096": 6000, "512": 3000}, "log_bytes": {"4096": 90_000, "512": 150_000},
}  # fmt: skip


@pytest.fixture
def results() -> Results:
    """A results of one round."""
    made = Results(
        about={
            "day": "1970-01-01",
            "processor": "P",
            "cores": 2,
            "python": "3",
            "redis": "r",
            "load": 0,
            "load_at_end": 1,
        }
    )
    made.about["packages"] = {"celery": "5"}
    for metric, paths in MEASURED.items():
        for path, value in paths.items():
            made.add(metric, path, value)
    return made


def test_the_page_holds_every_figure(results: Results) -> None:
    """Nothing is left to fill in, and nothing is made up: a figure that is missing fails the writing."""
    assert "$" not in replace_parts(PAGE, report.parts(results))

    del results.values["token_sent_bytes"]
    with pytest.raises(KeyError, match="token_sent_bytes"):
        report.parts(results)


def test_the_arithmetic_comes_out_as_it_is_shown(results: Results) -> None:
    """A reader who works a line out again gets what stands there."""
    found = numbers(Medians(results))

    assert (found["token_us"], found["streams"]) == (50, BUDGET_US / 50 / 50)
    assert found["joined_us"] == pytest.approx(4 + 10 * 0.1)
    assert found["kept_answers"] == pytest.approx(1e9 / (5000 + 500 * 90))
    assert (found["idle_us"], found["clients"], found["submit_us"]) == (10, 10, 10)
    assert found["many_submit"] == 40 + 1000 * 10
    assert found["all_redis"] == -(-25_000 // found["busy_hosts"])


def test_one_redis_is_given_as_many_hosts_as_fit(results: Results) -> None:
    """The number of hosts is the largest that stays within the budget."""
    of = Medians(results)
    hosts = of.max_hosts(of.token_us)

    assert sum(of.busy_us(hosts, of.token_us)) <= BUDGET_US < sum(of.busy_us(hosts + 1, of.token_us))


@pytest.mark.parametrize(
    ("speed", "machine", "said"),
    [(7.7, 50, "is reached"), (7.0, 50, "below 0.95 at 8 workers."), (7.0, 97, "where the machine was full")],
)
def test_a_missed_aim_is_told_and_whose_fault_it_is(results: Results, speed: float, machine: float, said: str) -> None:
    """Less than linear counts as a miss, unless the processor was full."""
    results.values["long_per_second"]["8"] = [speed]
    results.values["long_machine"]["8"] = [machine]

    assert said in report.linear(results)


@pytest.mark.parametrize(("large", "said"), [([2.2, 2.0], "flat within noise"), ([4.0, 4.1], "it grows")])
def test_a_cost_that_grows_with_the_backlog_is_told(results: Results, large: list[float], said: str) -> None:
    """A cost counts as flat where it differs no more from backlog to backlog than from round to round."""
    results.values["submit_us"] = {"1/100": [2.0, 2.2], "1/1000": large}

    assert said in report.flat(results).splitlines()[0]


def test_the_page_divides_models_and_tenants_as_it_says() -> None:
    """The function of the page gives a tenant of a model always the same Redis, and uses all that the model has."""
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None, "the page has no Python in it"
    made: dict[str, object] = {}
    exec(block[1], made)
    queue_for = made["queue_for"]
    assert callable(queue_for)
    queues: list[JobQueue] = [queue_for("llama3.2:1b", f"tenant-{number}") for number in range(20)]

    assert {queue.url for queue in queues} == {"redis://redis-a:6379/0", "redis://redis-b:6379/0"}
    assert queue_for("llama3.2", "tenant-3") is queues[3]


def test_the_text_between_the_figures_names_what_was_run() -> None:
    """The sizes of the bench stand in sentences that are written by hand."""
    for said in (
        f"a scripted host of {SLOTS} slots",
        f"each further token at {RATE} tokens/s",
        f"half of it, {BUDGET_US:,} µs a second",
        f"`down-after-milliseconds {DOWN_MILLISECONDS:,}`",
    ):
        assert said in PAGE
