"""What a worker makes of a message of the broker: Celery gets one of our own, or none."""

import base64
import bz2
import json
import lzma
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from embedded.scripted.fleet import Fleet
from llamaq.vocabulary.errors import InvalidRequest
from tests.faults.malformed import build_message, encode
from worker import gate
from worker.celery import broker_message, envelope
from worker.duties import heartbeat
from worker.gate import BadMessage, Incoming

QUEUE = "llamaq"
FIELDS = {"lang", "task", "id", "root_id", "parent_id", "group", "eta", "expires", "retries", "timelimit"}
FIELDS |= {"argsrepr", "kwargsrepr", broker_message.TAKEN}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
GOOD: dict[str, Any] = json.loads(build_message())
REQUEST = {"model": "m", "prompt": "x"}


def read(text: str) -> dict[str, Any] | None:
    """What Celery gets; nothing where the message is bad."""
    try:
        made = broker_message.read(Incoming("celery", text), QUEUE)
    except (BadMessage, InvalidRequest):
        return None
    assert set(made["headers"]) == FIELDS
    info = made["properties"]["delivery_info"]
    assert (info["exchange"], info["routing_key"]) == ("", QUEUE)
    args, kwargs, embed = json.loads(made["body"])
    assert embed == {}
    assert (args == [made["headers"]["id"]]) != (set(kwargs) == {"request"}) or made["headers"][
        "task"
    ] == heartbeat.TASK
    return made


@settings(deadline=None)
@given(JSON)
def test_any_json_is_read_or_named(raw: Any) -> None:
    """No exception of another type is raised; nothing that is only JSON becomes a message."""
    assert read(json.dumps(raw)) is None


@settings(deadline=None)
@given(st.sampled_from(["body", "content-type", "content-encoding", "headers", "properties"]), JSON)
def test_any_part_can_be_anything(part: str, value: Any) -> None:
    """It is a message of our form, or none."""
    read(json.dumps({**GOOD, part: value}))


@settings(deadline=None)
@given(st.sampled_from(["headers", "properties"]), st.sampled_from([*sorted(FIELDS), "shadow", "stamps"]), JSON)
def test_any_field_can_be_anything(part: str, field: str, value: Any) -> None:
    """As above: what a sender writes into a field reaches Celery only as what it may be."""
    read(json.dumps({**GOOD, part: {**GOOD[part], field: value}}))


@settings(deadline=None)
@given(JSON, JSON, JSON)
def test_any_arguments_can_come(args: Any, kwargs: Any, embed: Any) -> None:
    """Only the job's own id, or the one keyword `request`, reaches a task."""
    read(json.dumps({**GOOD, "body": encode([args, kwargs, embed])}))


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_can_be_the_body(body: bytes) -> None:
    """As they are, or as what a decompressor gets."""
    for headers in (GOOD["headers"], {**GOOD["headers"], "compression": "application/x-gzip"}):
        read(json.dumps({**GOOD, "headers": headers, "body": base64.b64encode(body).decode()}))


@pytest.mark.parametrize(
    ("name", "compress"),
    [("application/x-gzip", zlib.compress), ("application/x-bz2", bz2.compress), ("application/x-lzma", lzma.compress)],
)
def test_a_compressed_body_is_read(name: str, compress: Callable[[bytes], bytes]) -> None:
    """As Celery's `task_compression` makes it; one that grows too large is refused while it grows."""
    body = json.dumps([[], {"request": REQUEST}, {}]).encode()
    headers = {**GOOD["headers"], "compression": name}
    made = read(json.dumps({**GOOD, "headers": headers, "body": encode(compress(body))}))
    assert made is not None
    assert json.loads(made["body"])[1] == {"request": REQUEST}


def test_a_body_that_grows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes may hold gigabytes."""
    monkeypatch.setattr("worker.celery.envelope.MOST_BYTES", 1_000_000)
    headers = {**GOOD["headers"], "compression": "application/x-gzip"}
    text = json.dumps({**GOOD, "headers": headers, "body": encode(zlib.compress(b"[" * 2_000_000))})
    with pytest.raises(BadMessage, match="decompressed it has more than"):
        broker_message.read(Incoming("celery", text), QUEUE)


def test_protocol_1_is_read() -> None:
    """Older clients have the task's fields in the body."""
    task = {
        "task": "llamaq.chat",
        "id": "the-id",
        "args": [],
        "kwargs": {"request": REQUEST},
        "retries": 0,
        "utc": True,
    }
    made = read(json.dumps({**GOOD, "headers": {}, "body": encode(task)}))
    assert made is not None
    assert (made["headers"]["task"], made["headers"]["id"]) == ("llamaq.chat", "the-id")
    for name in broker_message.FURTHER_TASKS:
        assert read(json.dumps({**GOOD, "headers": {}, "body": encode({**task, name: [{"task": "x"}]})})) is None


def test_the_time_at_which_it_is_to_run_is_kept() -> None:
    """In UTC; one that has passed is none."""
    later = datetime.now(UTC) + timedelta(hours=1)
    for eta, kept in ((later, True), (later.replace(tzinfo=None), True), (later - timedelta(hours=2), False)):
        made = read(build_message(headers={**GOOD["headers"], "eta": eta.isoformat()}))
        assert made is not None
        assert (made["headers"]["eta"] == later.isoformat()) == kept


def test_the_job_is_known_as_soon_as_it_can_be_read() -> None:
    """Whatever is wrong behind it, a reader of the job learns of it; a task that is no job blames none."""
    job_id = GOOD["headers"]["id"]
    for text, known in (
        (build_message(headers=GOOD["headers"], body="!!!"), job_id),
        (build_message(headers=GOOD["headers"], properties={}), job_id),
        (build_message(headers={**GOOD["headers"], "task": "os.system"}), job_id),
        (build_message(headers={**GOOD["headers"], "id": "a{b}"}), ""),
        (build_message(headers={**GOOD["headers"], "task": heartbeat.TASK}, body="!!!"), ""),
        (json.dumps({**GOOD, "headers": {}, "body": encode({"id": "the-id", "task": 5})}), "the-id"),
    ):
        incoming = Incoming("celery", text)
        with pytest.raises((BadMessage, InvalidRequest)):
            broker_message.read(incoming, QUEUE)
        assert incoming.job_id == known


@pytest.mark.parametrize("cut", [True, False], ids=["cut off", "too large"])
def test_the_text_of_a_message_that_cannot_be_parsed_tells_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, *, cut: bool
) -> None:
    """So its job ends. An id in the text of the body is none of the message."""
    body = json.dumps([[], {"request": {"id": "another", "task": "llamaq.chat"}}, {}])
    text = build_message(body=body, properties={**GOOD["properties"], "body_encoding": None})
    if cut:
        text = text[:-1]
    else:
        monkeypatch.setattr(gate, "MOST_BYTES", len(text) - 1)
    found = Incoming("celery", text)

    with pytest.raises(BadMessage):
        broker_message.read(found, QUEUE)

    assert (found.job_id, found.kind) == (json.loads(text + "}" * cut)["headers"]["id"], "generate")


def test_a_body_is_not_decompressed_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes may be gigabytes."""
    monkeypatch.setattr(envelope, "MOST_BYTES", 10_000)
    headers = {**GOOD["headers"], "compression": "application/x-gzip"}
    found = Incoming("celery", build_message(body=encode(zlib.compress(b"x" * 10_001)), headers=headers))
    with pytest.raises(BadMessage, match="more than 10000 bytes"):
        broker_message.read(found, QUEUE)
    assert found.job_id == headers["id"]


@pytest.mark.parametrize(
    ("task", "body", "eta", "no_ack"),
    [
        ("llamaq.generate", [["a-job"], {}, {}], None, True),
        (heartbeat.TASK, [[], {}, {}], None, True),
        ("llamaq.generate", [["a-job"], {}, {}], datetime.now(UTC) + timedelta(hours=1), False),
        ("llamaq.generate", [[], {"request": REQUEST}, {}], None, False),
    ],
    ids=["an assigned job", "a heartbeat", "one that is held", "a request by name"],
)
def test_what_comes_again_by_itself_needs_no_acknowledgement(
    task: str, body: Any, eta: datetime | None, no_ack: bool
) -> None:
    """A request by name is in the message alone; a job that was assigned is assigned again. A sender has no say."""
    headers = {"task": task, "id": "a-job", "lang": "py", "eta": eta.isoformat() if eta else None}
    info = {"exchange": "", "routing_key": QUEUE, "llamaq_no_ack": not no_ack}
    made = read(
        build_message(body=encode(body), headers=headers, properties={**GOOD["properties"], "delivery_info": info})
    )
    assert made is not None
    assert broker_message.needs_no_ack(made["properties"]["delivery_info"]) is no_ack


@pytest.mark.parametrize("host", ["alpha", 'odd "\\/ é'])
def test_the_message_of_an_assigned_job_is_known_by_its_form(fleet: Fleet, host: str) -> None:
    """The scripts' own message, which also says the same where it is read field by field."""
    fleet.add_host(host)
    job_id = fleet.submit().id
    text, queue = fleet.redis.rpop(fleet.keys.host_queue(host)), fleet.keys.host_queue(host)
    assert broker_message.parse_assigned(text) == ("generate", job_id)

    message = Incoming("celery", text)
    made = broker_message.read(message, queue)
    assert (made["headers"]["task"], json.loads(made["body"])) == ("llamaq.generate", [[job_id], {}, {}])
    assert (message.job_id, message.kind, message.read) == (job_id, "generate", True)


WHOLE = broker_message._ASSIGNED_FORM % ("a-job", "llamaq.generate", *["a-job"] * 4, '"q\\n"', "tag")


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)), st.sampled_from(["", "x", '"', "\\", "}", "\n", "é"]))
@example(WHOLE.index('q\\n"'), "\n")
@example(WHOLE.index('n"},'), "x")
@example(WHOLE.index('tag"}'), "\n")
def test_a_message_of_nearly_the_form_is_not_taken_for_one(at: int, put: str) -> None:
    """A character that is changed makes it another message, or it says the same where it is read field by field."""
    assert broker_message.parse_assigned(WHOLE) == ("generate", "a-job")
    text = WHOLE[:at] + put + WHOLE[at + 1 :]
    found = broker_message.parse_assigned(text)
    if found is not None:
        made = read(text)
        assert made is not None
        assert (made["headers"]["task"], made["headers"]["id"]) == (f"llamaq.{found[0]}", found[1])
