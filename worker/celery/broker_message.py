"""Reads a message of the broker, and makes the message that Celery gets.

A message never reaches Celery as it came: what it says is read here, and a new message is made that says the same.
Celery and kombu read many fields without a check, and end the worker, lose the message or run further tasks over some.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import kombu.utils.json
from pydantic import Field

from llamaq.store.clock import SYSTEM
from llamaq.store.keys import check_id, is_usable_id
from llamaq.vocabulary.requests import KINDS
from worker.celery import model_listing
from worker.celery.envelope import Envelope, Foreign, decode_body, validate
from worker.duties import heartbeat
from worker.gate import BadMessage, Incoming, read_json

TAKEN = "llamaq_taken"
"""The header that counts how often a message came back because its worker had ended."""
LATEST_SECONDS = 30 * 86_400
"""How far ahead an `eta` may be: until then the message is held in a worker's memory."""
FURTHER_TASKS = ("callbacks", "errbacks", "chain", "chord", "link", "link_error")
_NO_ACK = "llamaq_no_ack"
_MEMBER = re.compile(r'"(id|task)"\s*:\s*"([A-Za-z0-9._-]{1,128})"')
"""A member of the headers in the text of a message. In a text within it, the quotes have backslashes before them."""
_KINDS = {f"llamaq.{kind}": kind for kind in KINDS}
_NO_JOB = frozenset({heartbeat.TASK, model_listing.TASK})
_ASSIGNED_FORM = (
    r'{"body":"[[\"%s\"],{},{\"callbacks\":null,\"errbacks\":null,\"chain\":null,\"chord\":null}]",'
    '"content-encoding":"utf-8","content-type":"application/json","headers":{"lang":"py","task":"%s","id":"%s",'
    '"root_id":"%s","parent_id":null,"group":null,"argsrepr":"[\'%s\']","kwargsrepr":"{}","origin":"llamaq",'
    '"ignore_result":true,"retries":0,"timelimit":[null,null],"eta":null,"expires":null},"properties":{'
    '"correlation_id":"%s","reply_to":"","delivery_mode":2,"delivery_info":{"exchange":"","routing_key":%s},'
    '"priority":0,"delivery_tag":"%s"}}'
)
"""The form that `celery_message.lua` writes."""
_TASKS = frozenset({*_KINDS, *_NO_JOB})


def _build_assigned_pattern() -> re.Pattern[str]:
    id_, again = r"(?P<id>[A-Za-z0-9._-]{1,128})", "(?P=id)"
    plain, escape = r'[^"\\\x00-\x1f]', r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})'
    values = [id_, r"(?P<task>[a-z.]+)", again, again, again, again, f'"(?:{plain}|{escape})*"', f"{plain}*"]
    before, *parts = map(re.escape, _ASSIGNED_FORM.split("%s"))
    return re.compile(before + "".join(value + part for value, part in zip(values, parts, strict=True)))


_ASSIGNED = _build_assigned_pattern()


class _Task(Foreign):
    """The fields of a task that Celery reads: in protocol 2 headers, in protocol 1 members of the body."""

    task: str
    id: str
    eta: str | None = None
    expires: str | None = None
    timelimit: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    retries: int | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    group_index: int | None = None
    shadow: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: str | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: int | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None


class _Arguments(NamedTuple):
    """The arguments: the id of the assigned job, or the keyword `request` of a request that was sent by name."""

    positional: list[Any]
    named: dict[str, Any]


def parse_assigned(text: str) -> tuple[str, str] | None:
    """Parse the kind and the id of the assigned job whose message this is; None for any other message."""
    found = _ASSIGNED.fullmatch(text)
    if found is None or (kind := _KINDS.get(found["task"])) is None or not is_usable_id(found["id"]):
        return None
    return kind, found["id"]


def read(message: Incoming, queue: str) -> dict[str, Any]:
    """Make Celery's message of one that came in `queue`. What becomes known of the job is noted in `message`.

    Raises:
        BadMessage: it cannot be run.
        InvalidRequest: its id cannot be a job's.
    """
    raw = _parse(message)
    headers = read_headers(message, raw)
    message.content = decode_body(validate(Envelope, raw))
    payload = read_json(message.content, kombu.utils.json.loads)
    fields, arguments, embed = _split_body(headers, payload)
    read_headers(message, {"headers": fields})
    task = _check_task(message, fields)
    if task.task not in _NO_JOB and not _names_the_job(message, arguments, task.id):
        raise BadMessage("the arguments are neither the job's id nor request={...}")
    _refuse_further_tasks(embed, fields)
    eta = _find_future_eta(task)
    message.read = True
    body = [[], {}, {}] if task.task in _NO_JOB else [arguments.positional, arguments.named, {}]
    # Without its message, a job that was assigned goes back to its queue by itself (`lease.lua`).
    no_ack = eta is None and (task.task == heartbeat.TASK or bool(arguments.positional))
    text = kombu.utils.json.dumps(body)
    return _build_message(task.task, task.id, text, queue, eta, count_takes(headers), no_ack=no_ack)


def _parse(message: Incoming) -> Any:
    """Parse the message. Where it cannot be parsed (too large, cut off), the id of its job is looked for in the text.

    Raises:
        BadMessage: it cannot be parsed.
    """
    try:
        return read_json(message.content)
    except BadMessage:
        read_headers(message, {"headers": dict(reversed(_MEMBER.findall(message.content)))})
        raise


def read_headers(message: Incoming, raw: object) -> dict[str, Any]:
    """Read the headers; what they tell of the job is noted, so that it can be told of whatever is wrong further on.

    Raises:
        BadMessage: it does not have the form of a message.
    """
    headers = raw.get("headers") if isinstance(raw, dict) else raw
    if not isinstance(raw, dict) or not isinstance(headers, dict | None):
        raise BadMessage("the message, or its headers, are not an object")
    headers = headers or {}
    job_id, name = headers.get("id"), headers.get("task")
    if not isinstance(name, str):
        name = ""
    if isinstance(job_id, str) and is_usable_id(job_id) and name not in _NO_JOB:
        message.job_id, message.kind = job_id, _KINDS.get(name, "")
    return headers


def parse_unacked(message: Incoming) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Parse what kombu notes of a message that is not acknowledged: the message, its headers, and its routing key.

    Raises:
        BadMessage: it is not one.
    """
    found = _parse(message)
    if not isinstance(found, list) or len(found) != 3 or not isinstance(found[2], str):
        raise BadMessage("not [message, exchange, routing key]")
    message.content = json.dumps(found[0])
    return found[0], read_headers(message, found[0]), found[2]


def count_takes(headers: Mapping[str, Any]) -> int:
    """Count how often the message came back."""
    counted = headers.get(TAKEN, 0)
    return counted if isinstance(counted, int) and 0 < counted < 1_000 else 0


def is_waiting(headers: Mapping[str, Any]) -> bool:
    """Whether the message has an `eta` that is yet to come: until then a worker holds it and does not begin it."""
    try:
        return (_parse_time(headers.get("eta"), "eta") or 0) > SYSTEM.time()
    except BadMessage:
        return False


def _split_body(headers: dict[str, Any], payload: Any) -> tuple[dict[str, Any], _Arguments, dict[str, Any]]:
    """Split off the task's fields, its arguments, and what is to follow it."""
    if "task" not in headers and isinstance(payload, dict):  # protocol 1
        return payload, _check_arguments(payload.get("args", []), payload.get("kwargs", {})), payload
    if not isinstance(payload, list) or len(payload) != 3 or not isinstance(payload[2], dict):
        raise BadMessage("the body is not [args, kwargs, embed]")
    return headers, _check_arguments(payload[0], payload[1]), payload[2]


def _check_arguments(args: object, kwargs: object) -> _Arguments:
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise BadMessage("the arguments are not a list and an object")
    return _Arguments(args, kwargs)


def _check_task(message: Incoming, fields: dict[str, Any]) -> _Task:
    task = validate(_Task, fields)
    check_id(task.id)
    if task.task not in _TASKS:
        raise BadMessage(f"there is no task {ascii(task.task)[:100]}")
    message.kind = _KINDS.get(task.task, "")
    return task


def _names_the_job(message: Incoming, given: _Arguments, job_id: str) -> bool:
    if not given.positional and set(given.named) == {"request"}:
        message.content = kombu.utils.json.dumps(given.named["request"])  # a dead letter that can be put back
        return True
    return given.positional == [job_id] and not given.named


def _refuse_further_tasks(*places: Mapping[str, Any]) -> None:
    """Refuse them: a worker would send them with its own rights, to any queue, once the request is taken in."""
    for name in FURTHER_TASKS:
        if any(place.get(name) for place in places):
            raise BadMessage(f"{name}: no further task is sent; follow the job's events, or use a webhook (`notify`)")


def _find_future_eta(task: _Task) -> str | None:
    """Find the `eta`, where it is yet to come."""
    now = SYSTEM.time()
    expires, eta = _parse_time(task.expires, "expires"), _parse_time(task.eta, "eta")
    if expires is not None and expires <= now:
        raise BadMessage(f"expires: {task.expires} had passed when a worker took the message")
    if eta is None or eta <= now:
        return None
    if eta > now + LATEST_SECONDS:
        raise BadMessage(f"eta: {task.eta} is more than {LATEST_SECONDS} s ahead")
    return datetime.fromtimestamp(eta, UTC).isoformat()


def _parse_time(value: Any, name: str) -> float | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
        return (time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError) as error:
        raise BadMessage(f"{name} is no time: {ascii(value)[:100]}") from error


def needs_no_ack(delivery_info: Mapping[str, Any] | None) -> bool:
    """Whether the loss of a message that `read` has made does no harm, so that nobody has to note it."""
    return bool((delivery_info or {}).get(_NO_ACK))


def _build_message(
    task: str, task_id: str, body: str, queue: str, eta: str | None = None, taken: int = 0, *, no_ack: bool
) -> dict[str, Any]:
    headers: dict[str, Any] = {"lang": "py", "task": task, "id": task_id, "root_id": task_id, "parent_id": None}
    headers |= {"group": None, "eta": eta, "expires": None, "retries": 0, "timelimit": [None, None]}
    headers |= {"argsrepr": "", "kwargsrepr": "", TAKEN: taken}
    return {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {
            "correlation_id": task_id,
            "reply_to": "",
            "delivery_mode": 2,
            "priority": 0,
            # The anonymous exchange, so that kombu returns the message to this queue without a look at its bindings.
            "delivery_info": {"exchange": "", "routing_key": queue, _NO_ACK: no_ack},
            # kombu keys the unacknowledged messages of all workers by it, so a sender must not choose it.
            "delivery_tag": SYSTEM.uuid(),
        },
    }
