"""The verbs of a kept conversation, without any I/O: the calls of the scripts, and the reading of their answers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from llamaq.admission.limits import apply_control_policy, check_text
from llamaq.admission.load_options import load_options_key
from llamaq.settings.producer import Settings
from llamaq.store.answers import Answer, Fields, read_rows
from llamaq.store.arguments import Arguments
from llamaq.store.producer_scripts import (
    ConversationCut,
    ConversationDelete,
    ConversationEdit,
    ConversationFork,
    ConversationList,
    ConversationSet,
)
from llamaq.store.script_runs import Call
from llamaq.vocabulary.conversations import (
    ConversationInfo,
    ConversationName,
    ConversationSettings,
    MessageObject,
    number_turns,
)
from llamaq.vocabulary.errors import ConversationBusy, ConversationExists, ConversationNotFound, InvalidRequest
from llamaq.vocabulary.kinds.chat import ChatRequest
from llamaq.vocabulary.kinds.message import Message
from llamaq.vocabulary.options import Options
from llamaq.vocabulary.problems import translate_error
from llamaq.vocabulary.wire import dumps

S = TypeVar("S", bound=BaseModel)
Side = Literal["user", "assistant"]
_ANY_MESSAGE = Message(role="user", content="x")
TRIES = 10
"""How often a change is tried while others change the conversation between its reading and its writing."""


class _Kept(TypedDict):
    tenant: str
    name: str
    conversation_ttl: int


class ConversationCalls:
    """Builds the calls about one conversation, and has its keys."""

    def __init__(self, settings: Settings, name: str, tenant: str) -> None:
        self.name, self.tenant = name, tenant = _validate_name(name, tenant)
        self._settings = settings
        self._kept = _Kept(tenant=tenant, name=name, conversation_ttl=settings.conversation_ttl)
        self.messages_key = settings.keys.conversation(tenant, name)
        self.about_key = settings.keys.about(tenant, name)

    def build_turn(self, message: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Build the fields of a turn.

        Raises:
            InvalidRequest: they name another tenant.
        """
        if fields.get("tenant") not in (None, self.tenant):
            raise InvalidRequest.of("tenant", f"the conversation is one of the tenant {self.tenant!r}: leave it out")
        message = list(message) if isinstance(message, tuple) else message
        return {**fields, "conversation": self.name, "tenant": self.tenant, "message": message}

    def set(self, changes: Mapping[str, Any]) -> Call:
        """The call of `conversation_set.lua`."""
        settings = validate_fields(ConversationSettings, dict(changes))
        if settings.tools is not None:
            check_text(ChatRequest(model="any", messages=[_ANY_MESSAGE], tools=settings.tools), self._settings.limits)
        whole = settings.model_dump(exclude_none=True)
        if settings.system is not None:
            whole["system"] = self._clean_text("system", settings.system)
        texts = {name: _encode_setting(whole.get(name)) for name in changes}
        if "options" in changes:
            texts["runner"] = load_options_key(settings.options or Options())
        return self._call(ConversationSet(**self._kept, changes=dumps(texts)))

    def edit(self, texts: Sequence[str], turn: int, content: str, side: Side) -> Call:
        """The call of `conversation_edit.lua`. `texts` are the messages that were read."""
        if not content:
            raise InvalidRequest.of("content", "give the text that shall stand there")
        content = self._clean_text("content", content)
        messages = list(number_turns(map(from_json, texts)))
        found = [index for index, (number, said) in enumerate(messages) if (number, said.get("role")) == (turn, side)]
        if not found:
            raise InvalidRequest.of(
                "turn", f"turn {turn} has no message of the role {side!r}; {_describe_extent(messages)}"
            )
        index = found[-1]
        new = {name: value for name, value in messages[index][1].items() if name not in ("thinking", "interrupted")}
        after = dumps({**new, "content": content, "edited": True})
        return self._call(ConversationEdit(**self._kept, index=index, before=texts[index], after=after))

    def cut(self, texts: Sequence[str], after: int) -> Call:
        """The call of `conversation_cut.lua`. `texts` are the messages that were read."""
        number = _count_messages(texts, after, "after")
        return self._call(ConversationCut(**self._kept, number=number, last=texts[number - 1] if number else ""))

    def fork(self, texts: Sequence[str], new_name: str, at: int | None, token: str) -> Call:
        """The call of `conversation_fork.lua`. `texts` are the messages that were read."""
        validate_fields(ConversationName, {"name": new_name})
        number = len(texts) if at is None else _count_messages(texts, at, "at")
        last = texts[number - 1] if number else ""
        return self._call(ConversationFork(**self._kept, new_name=new_name, number=number, last=last, token=token))

    def delete(self, token: str) -> Call:
        """The call of `conversation_delete.lua`."""
        return self._call(ConversationDelete(tenant=self.tenant, name=self.name, token=token))

    def read_change(self, answer: Answer, new_name: str = "") -> bool:
        """Read whether the change was made; if not, the messages have changed and must be read again.

        Raises:
            ConversationBusy, ConversationNotFound, ConversationExists: by the answer of the script.
        """
        match answer.word:
            case "BUSY":
                raise ConversationBusy(self.name, answer.text("turn"))
            case "MISSING":
                raise ConversationNotFound(self.name)
            case "EXISTS":
                raise ConversationExists(new_name)
        return answer.word == "OK"

    def _clean_text(self, field: str, text: str) -> str:
        """Check a text, and clean it, like the message of a turn."""
        try:
            alone = validate_fields(ChatRequest, {"model": "any", "messages": [{"role": "user", "content": text}]})
            check_text(alone, self._settings.limits)
            clean = apply_control_policy(alone, self._settings.limits)
        except InvalidRequest as error:
            raise InvalidRequest.of(field, error.problems[0].message) from None
        return str(next(iter(getattr(clean, "messages", None) or [_ANY_MESSAGE])).content)

    def _call(self, arguments: Arguments) -> Call:
        return Call(self._settings.keys.prefix, arguments)


def validate_fields(shape: type[S], fields: Mapping[str, Any]) -> S:
    """Validate fields as a model.

    Raises:
        InvalidRequest: with one problem for each field that is wrong.
    """
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise InvalidRequest(translate_error(error, fields, shape)) from error


def _validate_name(name: str, tenant: str) -> tuple[str, str]:
    """Validate the name and the tenant; None as the tenant is the default one."""
    found = validate_fields(ConversationName, {"name": name, "tenant": tenant})
    return found.name, found.tenant


def validate_tenant(tenant: str) -> str:
    """Validate the tenant whose conversations are listed.

    Raises:
        InvalidRequest: it cannot be one.
    """
    return _validate_name("any", tenant)[1]


def conversations_call(settings: Settings, tenant: str, skipped: int, limit: int) -> Call:
    """The call of `conversation_list.lua` for one page."""
    return Call(settings.keys.prefix, ConversationList(tenant=tenant, skipped=skipped, limit=limit))


def read_conversations(tenant: str, answer: Answer, now: float) -> list[ConversationInfo]:
    """Read the conversations in the answer of `conversation_list.lua`."""
    rows = ((f"the conversation {row.text('name')}", row) for row in answer.rows("conversations"))
    return read_rows(rows, lambda _, row: _read_info(tenant, row, now))


def _read_info(tenant: str, row: Fields, now: float) -> ConversationInfo:
    return ConversationInfo(
        name=row.text("name"),
        tenant=tenant,
        model=row.optional("model"),
        messages=row.integer("messages"),
        turns_waiting=row.integer("turns_waiting"),
        created_at=datetime.fromtimestamp(row.number("created_at"), UTC),
        updated_at=datetime.fromtimestamp(row.number("updated_at"), UTC),
        expires_at=datetime.fromtimestamp(now + row.number("seconds"), UTC),
    )


def require_model(model: str | None, fields: Mapping[str, Any]) -> str:
    """Require a model: given, or of the conversation's settings.

    Raises:
        InvalidRequest: there is none.
    """
    if model is not None:
        return model
    name = fields.get("conversation")
    where = f"the conversation {name!r} is set to none" if name else "only a conversation may be set to one"
    raise InvalidRequest.of("model", f"name a model: {where}")


def _encode_setting(value: Any) -> str:
    return "" if value is None else dumps(value) if isinstance(value, dict | list) else str(value)


def _count_messages(texts: Sequence[str], turn: int, field: str) -> int:
    """Count the messages up to the end of a turn."""
    messages = list(number_turns(map(from_json, texts)))
    if not isinstance(turn, int) or turn < 0 or (turn and turn > _last_turn(messages)):
        raise InvalidRequest.of(field, f"there is no turn {turn}; {_describe_extent(messages)}")
    return sum(number <= turn for number, _ in messages)


def _last_turn(messages: Sequence[tuple[int, MessageObject]]) -> int:
    return messages[-1][0] if messages else 0


def _describe_extent(messages: Sequence[tuple[int, MessageObject]]) -> str:
    return f"the conversation has {_last_turn(messages)} turns"
