"""What the views show, and what their buttons do."""

import json
from datetime import UTC, datetime, timedelta

from llamaq import JobFailed
from tests.conftest import MODEL
from tests.gateway.ui.conftest import Operator
from tests.gateway_process import GatewayProcess
from tests.service import Service, wait_until

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def find_host(service: Service) -> str:
    """The name of the one host."""
    return service.queue.hosts()[0].host


def test_the_fleet_is_paused_and_resumed(operator: Operator, service: Service) -> None:
    """The queue then says why its jobs wait."""
    host = find_host(service)
    assert host in operator.read_page("/ui")

    try:
        assert "Paused: no new jobs begin there." in operator.act(f"/ui/do/pause?host={host}").text
        job = service.queue.generate(MODEL, "hi", tenant="acme")
        page = operator.read_page("/ui/queue")
        assert "paused by an operator" in page
        assert "acme" in page
        assert "paused by an operator" in operator.read_page(f"/ui/jobs/{job.id}")
    finally:
        assert "Resumed." in operator.act(f"/ui/do/resume?host={host}").text
    assert job.result(30)


def test_what_runs_is_cancelled(operator: Operator, service: Service) -> None:
    """From the list of what runs."""
    gate = service.hold(tokens=["a", "b"])
    job = service.queue.generate(MODEL, "hi")
    service.wait_held(gate)

    assert job.id in operator.read_page("/ui/running")
    assert "Cancelled." in operator.act(f"/ui/jobs/{job.id}/cancel").text
    assert job.status().state == "cancelled"


def test_jobs_are_filtered_and_found(operator: Operator, service: Service) -> None:
    """By state, tenant and time; by the id at once."""
    first = service.queue.generate(MODEL, "hi", tenant="filtered")
    first.result(30)

    assert first.id in operator.read_page("/ui/jobs?state=completed&tenant=filtered")
    assert first.id not in operator.read_page("/ui/jobs?state=failed&state=queued&tenant=filtered")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert first.id not in operator.http.get("/ui/jobs", params={"since": tomorrow}).text
    assert operator.http.get("/ui/jobs", params={"id": first.id}).headers["location"] == f"/ui/jobs/{first.id}"
    assert operator.http.get("/ui/jobs", params={"id": "no-such-job"}).status_code == 404
    assert operator.http.get("/ui/jobs?since=yesterday").status_code == 400


def test_a_page_of_jobs_leads_to_the_next(operator: Operator, service: Service) -> None:
    """With the same filter."""
    service.queue.submit_many(
        [{"kind": "generate", "model": MODEL, "prompt": "x", "tenant": "paged", "start_after": 3600}] * 51
    )

    page = operator.read_page("/ui/jobs?tenant=paged")

    assert page.count('href="/ui/jobs/') == 50
    after = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert operator.read_page(after).count('href="/ui/jobs/') == 1


def test_a_job_shows_its_attempts_and_its_error(operator: Operator, service: Service) -> None:
    """With what to do, and never its texts."""
    service.ollama.script(status=400, error="planted refusal")
    job = service.queue.generate(MODEL, "planted prompt")
    try:
        job.result(30)
    except JobFailed as error:
        failure = error
    page = operator.read_page(f"/ui/jobs/{job.id}")

    assert failure.code in page
    for event in ("queued", "started", "failed"):
        assert f"<td>{event}</td>" in page
    assert "planted prompt" not in page


def test_texts_are_shown_after_a_click_that_is_logged(
    operator: Operator, service: Service, front: GatewayProcess, gateway: GatewayProcess
) -> None:
    """And only where the setting allows it."""
    service.ollama.script(tokens=["planted answer"])
    job = service.queue.generate(MODEL, "planted prompt")
    job.result(30)

    assert "planted" not in operator.read_page(f"/ui/jobs/{job.id}")
    page = operator.act(f"/ui/jobs/{job.id}/content").text
    assert "planted prompt" in page
    assert "planted answer" in page
    logged = [json.loads(one) for one in front.log().splitlines() if "texts shown" in one]
    assert [(one["key"], one["job_id"]) for one in logged] == [("olga", job.id)]
    assert "planted" not in front.log()
    assert Operator(gateway.url).act(f"/ui/jobs/{job.id}/content").status_code == 403


def test_a_job_is_replayed_with_changes_and_deleted(operator: Operator, service: Service) -> None:
    """Wrong changes are named; the deletion asks first."""
    job = service.queue.generate(MODEL, "hi")
    job.result(30)

    mistakes = {"{": "changes", "[" * 5_000: "changes", '{"job_id": 1}': "job_id", '{"self": 1}': "self"}
    for text, field in mistakes.items():
        wrong = operator.act(f"/ui/jobs/{job.id}/replay", changes=text)
        assert (wrong.status_code, field in wrong.text) == (400, True)
    made = operator.act(f"/ui/jobs/{job.id}/replay", changes='{"prompt": "other", "options.seed": 7}')
    new_id = made.url.path.rpartition("/")[2]
    assert new_id != job.id
    assert service.queue.job(new_id).request().request["options"]["seed"] == 7
    assert "Delete this job?" in operator.read_page(f"/ui/jobs/{job.id}/delete")
    assert "Deleted." in operator.act(f"/ui/jobs/{job.id}/delete").text
    assert operator.http.get(f"/ui/jobs/{job.id}").status_code == 404


def test_a_job_with_a_damaged_record_is_deleted(operator: Operator, service: Service) -> None:
    """Its page cannot be shown; the question and the deletion can."""
    job = service.queue.generate(MODEL, "hi", start_after=3600)
    service.redis.hset(service.keys.record(job.id), "submitted_at", "yesterday")

    assert "has not ended" in operator.read_page(f"/ui/jobs/{job.id}/delete")
    assert "Deleted." in operator.act(f"/ui/jobs/{job.id}/delete").text
    assert not service.redis.exists(service.keys.record(job.id))


def test_all_that_a_filter_finds_is_cancelled_after_a_question(operator: Operator, service: Service) -> None:
    """Others stay; what ended stays as it is."""
    later = {"kind": "generate", "model": MODEL, "prompt": "x", "start_after": 3600}
    meant = service.queue.submit_many([{**later, "tenant": "bulk"}] * 7)
    other = service.queue.submit({**later, "tenant": "spared"})

    assert "Cancel 7 jobs?" in operator.act("/ui/bulk/cancel/count", tenant="bulk").text
    assert {job.status().state for job in meant} == {"queued"}
    operator.act("/ui/bulk/cancel", tenant="bulk")

    assert {job.status().state for job in meant} == {"cancelled"}
    assert other.status().state == "queued"
    assert "Replay 7 jobs?" in operator.act("/ui/bulk/replay/count", tenant="bulk").text
    assert "There is no job to cancel" in operator.act("/ui/bulk/cancel/count", tenant="bulk").text


def test_a_dead_letter_is_put_back_or_discarded(operator: Operator, service: Service) -> None:
    """The discard asks first."""
    for _ in range(2):
        service.redis.xadd(service.keys.inbox(), {"job": '{"kind": "generate", "model": "smollm2:135m"'})
    wait_until(lambda: len(service.queue.dead()) >= 2)
    letter = service.queue.dead()[0]

    assert letter.reason[:20].replace("'", "&#39;") in operator.read_page("/ui/dead").replace("&#34;", '"')
    assert "Discard this dead letter?" in operator.read_page(f"/ui/dead/{letter.id}/discard")
    assert "Discarded." in operator.act(f"/ui/dead/{letter.id}/discard").text
    assert service.queue.dead_letter(letter.id) is None
    assert operator.act(f"/ui/dead/{letter.id}/put-back").status_code == 404
    assert operator.act(f"/ui/dead/{service.queue.dead()[0].id}/put-back").status_code == 400


def test_hostile_names_are_texts(operator: Operator, service: Service) -> None:
    """Of jobs, models, hosts' errors and filters."""
    job = service.queue.generate(MODEL, EVIL, metadata={"name": EVIL})
    job.result(30)
    pages = [operator.act(f"/ui/jobs/{job.id}/content").text]
    pages += [operator.read_page(path) for path in (f"/ui/jobs/{job.id}", "/ui/jobs", "/ui")]
    pages.append(operator.http.get("/ui/jobs", params={"tenant": EVIL, "model": EVIL}).text)
    pages.append(operator.http.post("/ui/pull", data={"csrf": operator.read_token(), "model": EVIL}).text)

    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page
    assert "&lt;script&gt;" in pages[0]


def test_the_stream_tells_what_changes(operator: Operator, service: Service) -> None:
    """An open page is told of a job that begins."""
    gate = service.hold(tokens=["a"])
    with operator.http.stream("GET", "/ui/live?view=running") as answer:
        lines = answer.iter_lines()
        assert any("Nothing runs." in line for line in lines)
        job = service.queue.generate(MODEL, "hi")
        assert any(job.id in line for line in lines)
    service.ollama.release(gate)


def test_the_charts_show_what_the_workers_kept(operator: Operator, service: Service) -> None:
    """Of the last hour, and of the last day in steps of ten minutes."""
    minute = service.redis.time()[0] // 60 - 2
    service.redis.hset(service.keys.minute(minute), mapping={"waiting:normal": 12345, "slots": 2, "slots_used": 1})

    for span in ("hour", "day"):
        page = operator.read_page(f"/ui/charts?span={span}")
        assert "12345" in page
        assert "Waiting, by lane" in page
    assert operator.http.get("/ui/charts?span=year").status_code == 400
