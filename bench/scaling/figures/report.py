"""Turns results into text: the tables, and the measured parts of docs/scaling.md."""

from pathlib import Path
from statistics import median
from string import Template

from bench.figures.page import find_parts
from bench.figures.report import machine, markdown
from bench.figures.results import Results
from bench.scaling.figures.medians import Medians
from bench.scaling.figures.sizing import numbers
from bench.scaling.measures.failover import PATH as FAILOVER
from bench.scaling.measures.simulation import PATH as SIMULATED
from bench.scaling.measures.streams import DEFAULT, JOINED, READ

ARITHMETIC = Path(__file__).with_name("arithmetic.md")
"""The parts of the page whose numbers follow from each other."""
FLOOD = "flood_per_second"
AIM = 0.95
MOST_NOISE = 1.5
FULL_PERCENT = 90
"""Of the machine in use, from where on it is the machine that limits."""
CALLS = {"submit": "submit", "turn": "claim, end and the next assignment", "status": "status"}
HOST_CALLS = {
    "submit": "submit",
    "turn": CALLS["turn"],
    "report": "report of a host",
    "rescue": "round of the reaper (one a second)",
}


def throughput(results: Results) -> str:
    """Long cheap jobs, by the size of the fleet."""
    of = Medians(results)
    rows = [
        [
            size,
            f"{of('long_per_second', size):.2f}",
            f"{_linear(of, size):.2f}",
            f"{of('long_cores', size):.2f}",
            f"{of('long_machine', size):.0f}",
        ]
        for size in of.paths("long_per_second")
    ]
    return markdown(["workers and hosts", "jobs/s", "of linear", "cores used", "machine in use, %"], rows)


def flood(results: Results) -> str:
    """Jobs without length, by the size of the fleet."""
    of = Medians(results)
    names = {FLOOD: 0, "flood_cores": 2, "flood_machine": 0, "flood_worker_us": 0, "flood_redis_us": 0}
    rows = [
        [size, *(f"{of(name, size):,.{digits}f}" for name, digits in names.items())] for size in of.paths("flood_cores")
    ]
    head = ["workers and hosts", "jobs/s", "cores used", "machine in use, %", "workers, µs a job", "Redis, µs a job"]
    return markdown(head, rows)


def linear(results: Results) -> str:
    """Whether throughput grew as it should."""
    of = Medians(results)
    short = [size for size in of.paths("long_per_second") if _linear(of, size) < AIM]
    not_full = [size for size in short if of("long_machine", size) < FULL_PERCENT]
    if not short:
        return f"The target, {AIM} of linear, is reached at every size."
    full = [size for size in short if size not in not_full]
    said = [f"below {AIM} at {', '.join(not_full)} workers"] if not_full else []
    said += [f"below {AIM} at {', '.join(full)} workers, where the machine was full"] if full else []
    return f"The target, {AIM} of linear, is missed: {'; '.join(said)}."


def backlog(results: Results) -> str:
    """What a call costs, by what waits."""
    rows = []
    for tenants in _tenants(results):
        for call, title in CALLS.items():
            cells = [_both(results, f"{call}_ms", f"{call}_us", f"{tenants}/{size}") for size in _sizes(results)]
            rows.append([f"{title}, {int(tenants):,} {'tenant' if tenants == '1' else 'tenants'}", *cells])
    return markdown(["ms for the caller / µs of Redis", *(f"{int(size):,} queued" for size in _sizes(results))], rows)


def flat(results: Results) -> str:
    """Whether the cost stays the same, however much waits: a sentence for each call."""
    return "\n".join(f"* {_growth(results, call, tenants)}" for tenants in _tenants(results) for call in CALLS)


def hosts(results: Results) -> str:
    """What a call costs, by the hosts that have the job's model."""
    counts = Medians(results).paths("hosts_submit_us")
    rows = [
        [title, *(_both(results, f"hosts_{call}_ms", f"hosts_{call}_us", count) for count in counts)]
        for call, title in HOST_CALLS.items()
    ]
    return markdown(["hosts: ms for the caller / µs of Redis", *(f"{int(count):,}" for count in counts)], rows)


def simulation(results: Results) -> str:
    """What Redis does for many busy hosts."""
    of = Medians(results)
    names = {
        "simulation_jobs_per_second": ("jobs/s submitted, run and ended", 0),
        "simulation_redis_percent": ("Redis, % of a core", 0),
        "simulation_job_us": ("Redis, µs a job, with all reports", 0),
        "simulation_slots_percent": ("slots in use, %", 1),
        "simulation_lost": ("jobs that lost their lease", 0),
    }
    rows = [[title, f"{of(name, SIMULATED):,.{digits}f}"] for name, (title, digits) in names.items()]
    return markdown(["", "measured"], rows)


def costs(results: Results) -> str:
    """What a job and a token cost Redis."""
    of = Medians(results)
    rows: list[tuple[str, str, list[str]]] = [
        ("commands, with those in scripts", _one(of, "job_commands", 0), _row(of, "token_commands", 2)),
        ("round trips", _one(of, "job_reads", 1), _row(of, "token_reads", 2)),
        ("processor of Redis, µs", _one(of, "job_redis_us", 0), _row(of, "token_redis_us", 1)),
        ("append-only file, bytes", _one(of, "job_file_bytes", 0), _row(of, "token_file_bytes", 0)),
        ("deltas", "", _row(of, "token_deltas", 2)),
    ]
    head = ["", "a job of one token", "a token", "a token, `LLAMAQ_FLUSH_MS=200`", "a token with a reader"]
    return markdown(head, [[title, job, *tokens] for title, job, tokens in rows])


def memory(results: Results) -> str:
    """What Redis keeps."""
    of = Medians(results)
    rows = [
        ["a waiting job", *(f"{of('queued_bytes', size):,.0f}" for size in of.paths("queued_bytes"))],
        ["1,000 streamed tokens, one delta each", *(f"{of('log_bytes', size):,.0f}" for size in of.paths("log_bytes"))],
        ["a completed job of one token", f"{of('job_bytes', DEFAULT):,.0f}", ""],
    ]
    return markdown(["bytes", *(f"`stream-node-max-bytes` {size}" for size in of.paths("queued_bytes"))], rows)


def idle(results: Results) -> str:
    """What a fleet without work costs."""
    of = Medians(results)
    names = {"idle_commands": 1, "idle_reads": 1, "idle_redis_us": 0, "idle_clients": 0}
    rows = [
        [f"{size} in all", *(f"{of(name, size):,.{digits}f}" for name, digits in names.items()), _percent(of, size)]
        for size in of.paths("idle_commands")
    ]
    rows.append(["each additional", *(f"{of.each(name):,.{digits}f}" for name, digits in names.items()), ""])
    head = [
        "idle workers",
        "commands/s",
        "round trips/s",
        "Redis, µs a second",
        "connections",
        "each worker, % of a core",
    ]
    return markdown(head, rows)


def failover(results: Results) -> str:
    """What the loss of a master does."""
    of = Medians(results)
    rows = [
        ["until a submit succeeds again, s", *_failures(results, "failover_submit_seconds", 1)],
        ["longest silence of a reader, s", *_failures(results, "failover_silence_seconds", 1)],
        [
            f"of {of('failover_answers', FAILOVER):.0f} answers: complete results",
            *_failures(results, "failover_whole", 0),
        ],
        ["readers that got a piece twice", *_failures(results, "failover_doubled", 0)],
        ["readers that missed a piece", *_failures(results, "failover_missed", 0)],
        ["jobs that needed another attempt", *_failures(results, "failover_again", 0)],
    ]
    return markdown(["the master is killed (SIGKILL)", "minimum", "median", "maximum"], rows)


def tables(results: Results) -> list[str]:
    """Those of which something was measured."""
    made = {
        "long_cores": throughput, "flood_cores": flood, "submit_us": backlog, "hosts_submit_us": hosts,
        "simulation_job_us": simulation,
        "token_redis_us": costs, "log_bytes": memory, "idle_commands": idle,
        "failover_whole": failover,
    }  # fmt: skip
    needs = {"log_bytes": "job_bytes"}
    return [
        table(results)
        for name, table in made.items()
        if name in results.values and needs.get(name, name) in results.values
    ]


def parts(results: Results) -> dict[str, str]:
    """The measured parts of the page."""
    made = (machine, throughput, linear, flood, backlog, flat, hosts, simulation, costs, memory, idle, failover)
    found = {name: format_number(value) for name, value in numbers(Medians(results)).items()}
    arithmetic = {name: Template(text).substitute(found) for name, text in find_parts(ARITHMETIC.read_text()).items()}
    return {part.__name__: part(results) for part in made} | arithmetic


def format_number(value: float) -> str:
    """Format a number with as many digits as say something."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _linear(of: Medians, size: str) -> float:
    first = of.least("long_per_second")
    return of("long_per_second", size) / of("long_per_second", first) / int(size) * int(first)


def _tenants(results: Results) -> list[str]:
    return list(dict.fromkeys(path.split("/")[0] for path in Medians(results).paths("submit_us")))


def _sizes(results: Results) -> list[str]:
    return list(dict.fromkeys(path.split("/")[1] for path in Medians(results).paths("submit_us")))


def _growth(results: Results, call: str, tenants: str) -> str:
    paths = [f"{tenants}/{size}" for size in _sizes(results)]
    spreads = [results.values[f"{call}_us"][path] for path in paths]
    noise = max(_noise(rounds) for rounds in spreads)
    of = Medians(results)
    ratio = of(f"{call}_us", paths[-1]) / of(f"{call}_us", paths[0])
    word = "too noisy to tell" if noise > MOST_NOISE else "flat within noise" if ratio <= noise else "it grows"
    who = f"{int(tenants):,} {'tenant' if tenants == '1' else 'tenants'}"
    said = f"{ratio:.2f} times the time of Redis (noise: up to {noise:.2f} times)"
    return f"{CALLS[call]}, {who}: {said}: {word}."


def _noise(rounds: list[float]) -> float:
    """How many times as much a cost may be without saying anything: twice the median distance from the median."""
    middle = median(rounds)
    return 1 + 2 * median(abs(value - middle) for value in rounds) / middle


def _both(results: Results, first: str, second: str, path: str) -> str:
    of = Medians(results)
    return f"{of(first, path):.2f} / {of(second, path):,.0f}"


def _failures(results: Results, metric: str, digits: int) -> list[str]:
    found = results.get(metric, FAILOVER)
    return [] if found is None else [f"{value:.{digits}f}" for value in (found.least, found.median, found.most)]


def _one(of: Medians, metric: str, digits: int) -> str:
    return f"{of(metric, DEFAULT):,.{digits}f}"


def _row(of: Medians, metric: str, digits: int) -> list[str]:
    known = of.paths(metric)
    return [f"{of(metric, path):,.{digits}f}" if path in known else "" for path in (DEFAULT, JOINED, READ)]


def _percent(of: Medians, size: str) -> str:
    return f"{of('idle_worker_percent', size):.1f}"
