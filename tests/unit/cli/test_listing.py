"""Lists for scripts: whole ids, tabs, no colours."""

import json
from datetime import UTC, datetime, timedelta

from click.testing import CliRunner

from llamaq import __version__
from llamaq.cli.app import app
from llamaq.cli.commands.listing import _last_error
from llamaq.cli.operators.top import Rates
from llamaq.vocabulary.status import JobStatus
from tests.unit.cli.conftest import Here, Llamaq
from tests.unit.cli.fake_worker import HOST, MODEL, FakeWorker


def test_jobs_in_a_pipe(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """One line per job behind the titles, tab-separated, with the whole id, however narrow the terminal is."""
    first, second = fake_worker.queue.generate("m", "x"), fake_worker.queue.generate("m", "x")
    fake_worker.take().fail("ollama_error", "boom\x1b[31m")
    shell = llamaq("jobs", COLUMNS="20", FORCE_COLOR="1")
    assert shell.code() == 0
    titles, *rows = (line.split("\t") for line in shell.out.all().splitlines())
    assert titles[:9] == ["id", "state", "model", "age", "took", "kind", "host", "attempt", "error"]
    assert titles[9:] == ["tenant", "lane", "worker", "waits"]
    assert [row[12] for row in rows] == ["", ""]
    assert [row[:3] + row[5:9] for row in rows] == [
        [second.id, "queued", MODEL, "generate", HOST, "0", ""],
        [first.id, "failed", MODEL, "generate", HOST, "1", "ollama_error"],
    ]
    assert "\x1b" not in shell.out.all() + shell.err.all()


def test_jobs_as_json(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`--json` has the wire's field names and Unix seconds; `--state` and `--limit` choose."""
    jobs = [fake_worker.queue.generate("m", "x") for _ in range(9)]
    fake_worker.take().complete(text="done")
    shell = llamaq("jobs", "--json", "--state", "completed", "--limit", "1")
    assert shell.code() == 0
    (record,) = (json.loads(line) for line in shell.out.all().splitlines())
    assert (record["id"], record["state"], record["attempt"]) == (jobs[0].id, "completed", 1)
    assert isinstance(record["finished_at"], float)
    limited = llamaq("jobs", "--limit", "3")
    assert limited.code() == 0
    assert len(limited.out.all().splitlines()) == 1 + 3


def test_jobs_that_a_filter_lets_through(fake_worker: FakeWorker, here: Here) -> None:
    """By tenant, state and age, with the reason of a wait; `--all` has no limit."""
    ask = fake_worker.queue.generate
    jobs = [ask("absent", "x", tenant="shop", priority="batch", wait_for_model=True) for _ in range(51)]
    ask("m", "x")
    old = here("jobs", "--tenant", "shop", "--all", "--since", "1h")
    none = here("jobs", "--tenant", "shop", "--state", "failed", "--until", "2020-01-01")
    wrong = here("jobs", "--since", "soon")
    assert old.code == 0
    rows = [line.split("\t") for line in old.out.splitlines()[1:]]
    assert [row[0] for row in rows] == [job.id for job in jobs[::-1]]
    assert rows[0][9:] == ["shop", "batch", "", "no model"]
    assert none.code == 0
    assert none.err == "no such jobs are kept in the state failed\n"
    assert wrong.code == 2
    assert "give a duration (90s, 10min, 2h, 3d) or a time" in wrong.err


def test_models(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """Models come as lines of tabs or of JSON, with the slots that are in use."""
    fake_worker.queue.generate("m", "x")
    plain, lines = llamaq("models"), llamaq("models", "--json")
    assert plain.code() == 0
    assert plain.out.all().splitlines()[1].split("\t")[:4] == [MODEL, HOST, "1/9", "no"]
    assert plain.out.all().splitlines()[1].split("\t")[4] == "closed"
    assert lines.code() == 0
    assert json.loads(lines.out.all())["slots_used"] == 1


def test_hosts(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`--hosts` has a line for each host, with its circuit and why it last failed; JSON names its models."""
    fake_worker.another("h2").report_down(2, 1, "nobody\tthere")
    plain, lines, models = llamaq("models", "--hosts"), llamaq("models", "--hosts", "--json"), llamaq("models")
    assert plain.code() == 0
    titles, first, second = (line.split("\t") for line in plain.out.all().splitlines())
    assert titles[:4] == ["host", "state", "circuit", "slots used"]
    assert first[:7] == [HOST, "running", "closed", "0", "9", "1", "1"]
    assert (second[:3], second[-2]) == (["h2", "running", "open"], "never")
    assert second[-1].endswith(" ago: nobody there")
    assert lines.code() == 0
    records = [json.loads(line) for line in lines.out.all().splitlines()]
    assert [(record["host"], record["circuit"], record["models"]) for record in records] == [
        (HOST, "closed", [MODEL]),
        ("h2", "open", []),
    ]
    assert models.code() == 0
    assert "h2 offers no model: nobody" in models.err.all()


def test_workers_and_what_waits(fake_worker: FakeWorker, here: Here) -> None:
    """Lines of tabs or of JSON: each worker; each model and lane with the reason; each tenant with its jobs."""
    for _ in range(2):
        fake_worker.queue.generate("absent", "x", wait_for_model=True, tenant="shop", priority="batch")
    workers, plain = here("workers"), here("queue")
    records, tenants = here("queue", "--json"), here("queue", "--tenants")
    assert workers.code == 0
    row = workers.out.splitlines()[1].split("\t")
    assert row[:5] == ["w1", HOST, "running", "0", __version__]
    assert plain.code == 0
    titles, row = (line.split("\t") for line in plain.out.splitlines())
    assert titles == ["model", "lane", "waiting", "oldest", "starts in", "why"]
    assert (row[:3], row[4]) == (["absent:latest", "batch", "2"], "")
    assert row[5].startswith("No known host has the model")
    assert records.code == 0
    assert json.loads(records.out)["why"]["word"] == "no_model"
    assert tenants.code == 0
    assert tenants.out.splitlines() == ["tenant\twaiting", "shop\t2"]


def test_top_shows_the_fleet_at_work(fake_worker: FakeWorker, terminal: Llamaq, here: Here) -> None:
    """Hosts, what waits and why, and what runs; until Ctrl-C. It needs a terminal."""
    fake_worker.queue.generate("absent", "x", wait_for_model=True)
    job = fake_worker.queue.generate("m", "x", tenant="shop")
    fake_worker.take().say("a")
    shell = terminal("top", columns=200)
    for text in ("Hosts: 1", HOST, "Waiting: 1", "No known host has the model", "Running: 1", job.id, "shop"):
        shell.out.until(text)
    shell.interrupt()
    assert shell.code() == 0
    piped = here("top")
    assert (piped.code, "it needs a terminal" in piped.err) == (2, True)


def test_tokens_per_second_are_counted_between_two_looks() -> None:
    """A job that has begun since has no figure yet; nor has a new attempt, which begins with none."""
    job = JobStatus(
        id="a", state="running", kind="chat", model="m", submitted_at=datetime.now(UTC), attempt=1, tokens=10
    )
    rates = Rates()
    assert rates.of([job], 100.0) == {}
    assert rates.of([job.model_copy(update={"tokens": 30}), job.model_copy(update={"id": "b"})], 102.0) == {"a": 10.0}
    assert rates.of([job.model_copy(update={"tokens": 1, "attempt": 2})], 104.0) == {}


def test_pausing_and_resuming(fake_worker: FakeWorker, here: Here) -> None:
    """A host or a model, and not both; lists say what is paused, and an unknown name is told."""
    paused, model = here("pause", "--host", HOST), here("pause", "--model", "M")
    assert (paused.code, paused.out) == (0, f"host {HOST} paused\n")
    assert (model.code, model.out) == (0, "model M paused\n")
    job = fake_worker.queue.generate("m", "x")
    drained = here("drain", "--host", HOST)
    assert (drained.code, drained.out) == (0, f"host {HOST} draining\n")
    hosts, status = here("hosts"), here("status", job.id)
    assert hosts.code == 0
    assert hosts.out.splitlines()[1].split("\t")[:2] == [HOST, "draining"]
    assert f"{HOST} is draining: " in hosts.err
    assert status.code == 0
    assert "The model is paused by an operator." in status.out
    for what in (("--host", HOST), ("--model", "m")):
        assert here("resume", *what).code == 0
    fake_worker.take().complete(text="done")
    wrong, unknown = here("pause", "--host", HOST, "--model", "m"), here("drain", "--host", "gamma")
    assert (wrong.code, unknown.code) == (2, 2)
    assert "no worker speaks for a host 'gamma'" in unknown.err
    assert f"the hosts are {HOST}\n" in unknown.err
    absent = here("pause", "--model", "absent")
    assert (absent.code, "wait" in absent.err, "models` lists what there is" in absent.err) == (5, False, True)


def test_an_error_of_a_host_that_is_well_again_is_past(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """The last error stays, with its age, and is marked where the host has answered since."""
    other = fake_worker.another("h2")
    other.report(2, 1, '{"models":[]}', [], affinity_patience=1, lane_patience=1)
    other.report_down(2, 1, "nobody there")
    other.report(2, 1, '{"models":[]}', [], affinity_patience=1, lane_patience=1)
    other.report(2, 1, '{"models":[]}', [], affinity_patience=1, lane_patience=1)
    host = fake_worker.queue.hosts()[1]
    assert host.last_error_at is not None
    seen = host.last_error_at + timedelta(seconds=1)
    shown = _last_error(host.model_copy(update={"circuit": "closed", "seen_at": seen}))
    assert shown.startswith("past, ")
    assert shown.endswith(" ago: nobody there")


def test_no_models(llamaq: Llamaq) -> None:
    """An empty fleet is no error, but says why it may be empty."""
    shell = llamaq("models", "--prefix", "nobody")
    assert shell.code() == 0
    assert "is a worker running" in shell.err.all()


def test_status(fake_worker: FakeWorker, llamaq: Llamaq) -> None:
    """`status` gives the record, for people and as JSON, and ends with 0 whatever the state."""
    job = fake_worker.queue.generate("m", "x")
    fake_worker.take().fail("ollama_error", "boom")
    plain, lines = llamaq("status", job.id), llamaq("status", job.id, "--json")
    assert plain.code() == 0
    assert "state:     failed" in plain.out.all()
    assert "error:     ollama_error: boom" in plain.out.all()
    assert json.loads(lines.out.all())["error"]["code"] == "ollama_error"


def test_help_documents_the_exit_codes() -> None:
    """`--help` names every exit code, and each command has an example."""
    text = CliRunner().invoke(app, ["--help"]).output
    for code in ("0", "1", "2", "3", "4", "5", "6", "124", "130"):
        assert f"\n    {code} " in text
    for command in app.commands:
        assert f"  llamaq {command} " in CliRunner().invoke(app, [command, "--help"]).output.replace("\n", " \n")


def test_version(llamaq: Llamaq) -> None:
    """`--version` names the program and its version."""
    shell = llamaq("--version")
    assert shell.code() == 0
    assert shell.out.all().startswith("llamaq ")
