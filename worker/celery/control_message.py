"""Reads a message of Celery's remote control, and makes the message that Celery gets.

Whoever can publish on the channel can send commands to every worker. So those that change a worker are refused, unless
LLAMAQ_ALLOW_CONTROL allows them.
"""

from typing import Annotated, Any, Literal

import kombu.utils.json
import structlog
from celery.worker.control import Panel, control_command
from pydantic import Field

from worker.celery.envelope import Envelope, Foreign, decode_body, validate
from worker.gate import BadMessage, Incoming, read_json

READING = frozenset({
    *("ping", "report", "conf", "stats", "clock", "active", "dump_active", "reserved", "dump_reserved", "scheduled"),
    *("dump_schedule", "revoked", "dump_revoked", "registered", "dump_tasks", "active_queues", "query_task"),
    *("enable_events", "heartbeat", "llamaq_status"),
})  # fmt: skip
"""The commands that everybody may send. With `enable_events` and `heartbeat` a worker tells of itself, as to Flower."""
REVOKING = frozenset({"revoke", "terminate", "revoke_by_stamped_headers"})
"""Never taken: Celery drops the message of a revoked task, and the record of its job would wait for ever."""
_REFUSED = "llamaq_refused"
_log = structlog.get_logger(__name__)
Name = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[\x20-\x7e]+$")]


class _ReplyTo(Foreign):
    exchange: str
    routing_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]


class _Command(Foreign):
    """A command. Of the patterns, only globs are taken: a regular expression can take for ever on one name."""

    method: Name
    arguments: dict[str, Any] | None = None
    destination: list[str] | None = None
    pattern: Name | None = None
    matcher: Literal["glob"] | None = None
    reply_to: _ReplyTo | None = None
    ticket: Name | None = None


@control_command(name=_REFUSED, visible=False)  # type: ignore[untyped-decorator]  # Celery has no types
def refuse_command(_state: Any, command: str) -> dict[str, str]:
    """Answer a command that is not taken."""
    remedy = "cancel the job, as by `llamaq cancel ID`" if command in REVOKING else "LLAMAQ_ALLOW_CONTROL=1 allows it"
    _log.warning("a remote control command was refused", command=command)
    return {"error": f"{command} is refused: {remedy}"}


def read(message: Incoming, namespace: str, *, allowed: bool) -> dict[str, Any]:
    """Make the message that Celery gets. `namespace` is the first part of the mailbox' names.

    Raises:
        BadMessage: it is no command.
    """
    message.content = decode_body(validate(Envelope, read_json(message.content)))
    command = validate(_Command, read_json(message.content, kombu.utils.json.loads))
    method, arguments = command.method, command.arguments or {}
    if method not in Panel.data or method == _REFUSED:
        raise BadMessage(f"there is no command {method[:100]!r}")
    if command.reply_to is not None and command.reply_to.exchange != f"reply.{namespace}.pidbox":
        raise BadMessage(f"reply_to.exchange: it is not reply.{namespace}.pidbox")
    if method in REVOKING or not (allowed or method in READING):
        method, arguments = _REFUSED, {"command": method}
    body = {
        "method": method,
        "arguments": arguments,
        "destination": command.destination,
        "pattern": command.pattern,
        "matcher": command.pattern and "glob",
        "reply_to": command.reply_to and command.reply_to.model_dump(),
        "ticket": command.ticket,
    }
    message.read = True
    return {
        "body": kombu.utils.json.dumps(body),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"clock": 0},
        "properties": {"delivery_tag": "", "delivery_info": {"exchange": f"{namespace}.pidbox", "routing_key": ""}},
    }
