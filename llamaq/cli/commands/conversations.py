"""The command conversation: lists, shows and changes the conversations that the queue keeps."""

import json
from typing import Any

import click

from llamaq.cli.commands.follow import print_or_follow
from llamaq.cli.input.job_filter import limited
from llamaq.cli.input.json_input import parse_json
from llamaq.cli.input.numbers import Whole, WholeRange
from llamaq.cli.input.request import WHEN_BUSY, given_fields, options_option, read_text, request_options
from llamaq.cli.session import Session
from llamaq.cli.terminal import tables
from llamaq.cli.terminal.duration import format_seconds
from llamaq.cli.terminal.tables import Column, Sheet
from llamaq.cli.verb import Group
from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.conversations import ConversationInfo, ConversationSettings, KeptMessage
from llamaq.vocabulary.errors import ConversationNotFound
from llamaq.vocabulary.wire import wire_object

_LIST = (
    Column("Name", folds=True),
    Column("Messages", right=True),
    Column("Waiting", right=True),
    Column("Touched", right=True),
    Column("Kept for", right=True),
    Column("Model", folds=True, spare=True),
)
_TENANT = click.option("--tenant", metavar="NAME", default="default", help="Whose conversations.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line, with all fields.")
_SETTINGS = tuple(ConversationSettings.model_fields)


@click.group(
    cls=Group,
    epilog="""\b
Examples:
  llamaq conversation set user-17 --model llama3.2 --system "Be brief."
  llamaq conversation send user-17 "And which is the easiest?" --when-busy interrupt
  llamaq conversation show user-17
  llamaq conversation fork user-17 user-17-b --at 3
  llamaq conversation delete user-17""",
)
def conversation() -> None:
    """Look at the conversations that the queue keeps, and change them."""


@conversation.command("list")
@limited
@_TENANT
@_JSON
@click.pass_obj
def list_(session: Session, limit: int, tenant: str, *, as_json: bool) -> None:
    """List the conversations, the one that was changed last first."""
    found = session.queue.conversations(limit, tenant)
    if as_json:
        for one in found:
            session.screen.write_record(wire_object(one))
        return
    tables.write(session.screen, Sheet(_LIST, [_row(one) for one in found]))
    if not found:
        session.screen.note(f"no conversations of the tenant {tenant} are kept")


@conversation.command("show")
@click.argument("name")
@_TENANT
@_JSON
@click.pass_obj
def show(session: Session, name: str, tenant: str, *, as_json: bool) -> None:
    """Show what NAME is set to, and its messages, each with the number of its turn."""
    kept = session.queue.conversation(name, tenant)
    settings, messages = kept.settings().model_dump(exclude_none=True), kept.history()
    if not settings and not messages:
        raise ConversationNotFound(name)
    if as_json:
        session.screen.write_record({"settings": settings})
        for message in messages:
            session.screen.write_record(wire_object(message))
        return
    for field, value in settings.items():
        session.screen.write_line(
            f"{field}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        )
    for message in messages:
        session.screen.write_line(_format_message(message))


@conversation.command("set")
@click.argument("name")
@click.option("--model", metavar="MODEL", help="Who answers where a turn names none.")
@click.option("--system", metavar="TEXT", help="What the model is told before all messages; - reads stdin.")
@options_option
@click.option("--tools", type=click.File("rb"), metavar="FILE", help="A JSON array of the tools it may call.")
@click.option("--ttl", type=Whole(), metavar="S", help="Seconds for which it is kept after it was last touched.")
@click.option("--clear", multiple=True, type=click.Choice(_SETTINGS), help="Set it to nothing; repeatable.")
@_TENANT
@click.pass_obj
def set_(session: Session, /, name: str, tenant: str, clear: tuple[str, ...], tools: Any, **given: Any) -> None:
    """Set what is named, and leave the rest; NAME begins to exist by that."""
    changes = {**given_fields(given), **dict.fromkeys(clear)}
    if changes.get("system") is not None:
        changes["system"] = read_text(changes["system"])
    if tools is not None:
        changes["tools"] = _parse_tools(tools.read())
    if not changes:
        raise click.UsageError("say what to set, or to --clear")
    session.queue.conversation(name, tenant).set(**changes)
    session.screen.write_line(f"{name} set: {', '.join(changes)}")


@conversation.command("send")
@click.argument("name")
@click.argument("message")
@click.option("--model", metavar="MODEL", help="Who answers; the default is what the conversation is set to.")
@click.option("--tool-name", metavar="TOOL", help="MESSAGE is what this tool answers to the model's call.")
@WHEN_BUSY
@request_options
@click.pass_obj
def send(session: Session, /, name: str, message: str, *, detach: bool, as_json: bool, **given: Any) -> None:
    """Answer MESSAGE as the next turn of NAME. MESSAGE - reads stdin."""
    tool, tenant = given.pop("tool_name"), given.pop("tenant") or "default"
    said: Any = read_text(message)
    if tool is not None:
        said = {"role": "tool", "content": said, "tool_name": tool}
    job = session.queue.conversation(name, tenant).send(said, **given_fields(given))
    print_or_follow(session, job, "chat", detach=detach, as_json=as_json)


@conversation.command("fork")
@click.argument("name")
@click.argument("new_name")
@click.option("--at", type=WholeRange(min=0), metavar="TURN", help="Up to and with this turn; the default is all.")
@_TENANT
@click.pass_obj
def fork(session: Session, name: str, new_name: str, at: int | None, tenant: str) -> None:
    """Begin NEW_NAME with the settings and the history of NAME."""
    session.queue.conversation(name, tenant).fork(new_name, at)
    session.screen.write_line(f"{new_name} forked from {name}")


@conversation.command("edit")
@click.argument("name")
@click.argument("turn", type=WholeRange(min=1))
@click.argument("text")
@click.option("--answer", is_flag=True, help="Change what the model said, rather than what it was asked.")
@_TENANT
@click.pass_obj
def edit(session: Session, name: str, turn: int, text: str, tenant: str, *, answer: bool) -> None:
    """Put TEXT into a turn of NAME, as what was asked. TEXT - reads stdin."""
    role: Any = "assistant" if answer else "user"
    session.queue.conversation(name, tenant).edit(turn, read_text(text), role=role)
    session.screen.write_line(f"{name} edited in turn {turn}")


@conversation.command("delete")
@click.argument("name")
@click.option("--after", type=WholeRange(min=0), metavar="TURN", help="Only the turns behind this one (0: each).")
@_TENANT
@click.pass_obj
def delete(session: Session, name: str, after: int | None, tenant: str) -> None:
    """Forget NAME: its messages and what it is set to."""
    session.queue.conversation(name, tenant).delete(after)
    session.screen.write_line(f"{name} deleted" + ("" if after is None else f" after turn {after}"))


def _row(one: ConversationInfo) -> list[str]:
    now = SYSTEM.time()
    touched, left = max(now - one.updated_at.timestamp(), 0), max(one.expires_at.timestamp() - now, 0)
    return [
        one.name,
        str(one.messages),
        str(one.turns_waiting),
        format_seconds(touched),
        format_seconds(left),
        one.model or "",
    ]


def _format_message(message: KeptMessage) -> str:
    marks = [word for word, true in (("interrupted", message.interrupted), ("edited", message.edited)) if true]
    who = f"{message.role} {message.tool_name}" if message.tool_name else message.role
    marked = f" ({', '.join(marks)})" if marks else ""
    calls = "".join(f"\n  {json.dumps(call, ensure_ascii=False)}" for call in message.tool_calls or ())
    return f"[{message.turn}] {who}{marked}: {message.content}{calls}"


def _parse_tools(data: bytes) -> Any:
    try:
        return parse_json(data)
    except ValueError as error:
        raise click.UsageError(f"--tools is no JSON: {error}") from error
