"""The handle of one kept conversation."""

from collections.abc import Callable, Sequence
from typing import Protocol, Unpack

from llamaq.client.aio.connection import AsyncConnection
from llamaq.client.aio.job import AsyncJob
from llamaq.client.conversation_calls import TRIES, ConversationCalls, Side
from llamaq.store.answers import Answer
from llamaq.store.redis_errors import translate_parse_errors
from llamaq.store.script_runs import Call
from llamaq.vocabulary.conversations import ConversationSettings, KeptMessage, read_history, read_settings
from llamaq.vocabulary.errors import ConversationBusy
from llamaq.vocabulary.fields import AnyMessage, ChatFields, SendFields, SettingsFields
from llamaq.vocabulary.kinds.chat import ChatResult


class Chat(Protocol):
    """The verb `chat` of a queue."""

    async def __call__(self, model: str | None = None, **fields: Unpack[ChatFields]) -> AsyncJob[ChatResult]:
        """Answer a chat."""


class AsyncConversation:
    """The handle of a conversation. It has only the name, so any number of handles, in any process, may be for one.

    Attributes:
        name: the conversation's.
        tenant: the owner; the same name of another tenant is another conversation.
    """

    def __init__(self, connection: AsyncConnection, chat: Chat, name: str, tenant: str) -> None:
        self._connection = connection
        self._chat = chat
        self._calls = ConversationCalls(connection.settings, name, tenant)
        self.name = name
        self.tenant = self._calls.tenant

    def __repr__(self) -> str:
        return f"AsyncConversation({self.name!r}, tenant={self.tenant!r})"

    async def send(
        self, message: str | AnyMessage | Sequence[AnyMessage], **fields: Unpack[SendFields]
    ) -> AsyncJob[ChatResult]:
        """Submit the next turn: a question, or the answers to the model's tool calls. The job is of the kind chat.

        Args:
            message: the user's text; a message, such as a tool's answer; or a list of messages.
            fields: of the request; the settings of the conversation are the defaults.

        Raises:
            ConversationBusy: `when_busy="reject"`, and a turn runs or waits.
            InvalidRequest: a field is wrong, or neither the turn nor the conversation names a model.
        """
        return await self._chat(**self._calls.build_turn(message, fields))

    async def history(self) -> list[KeptMessage]:
        """The kept messages, oldest first; an empty list where there is no such conversation."""
        async with self._connection.query() as redis:
            return read_history(await redis.lrange(self._calls.messages_key, 0, -1))

    async def settings(self) -> ConversationSettings:
        """The settings of the conversation."""
        async with self._connection.query() as redis:
            return read_settings(await redis.hgetall(self._calls.about_key))

    async def set(self, **changes: Unpack[SettingsFields]) -> None:
        """Change the settings that are given; None clears one. Turns that have not begun use the new ones.

        Raises:
            InvalidRequest: a setting is wrong.
        """
        await self._run(self._calls.set(changes))

    async def edit(self, turn: int, content: str, *, role: Side = "user") -> None:
        """Replace the text of a turn: of its question, or (`role="assistant"`) of its answer. Later turns stay.

        Raises:
            ConversationBusy: a turn runs or waits.
            InvalidRequest: there is no such turn.
        """
        await self._change(lambda texts: self._calls.edit(texts, turn, content, role))

    async def fork(self, new_name: str, at: int | None = None) -> "AsyncConversation":
        """Begin another conversation with the settings of this one and its history up to and with the turn `at`.

        Raises:
            ConversationNotFound: there is no such conversation.
            ConversationExists: the new name is taken.
        """
        token = self._connection.clock.uuid()
        await self._change(lambda texts: self._calls.fork(texts, new_name, at, token), new_name)
        return AsyncConversation(self._connection, self._chat, new_name, self.tenant)

    async def delete(self, after: int | None = None) -> None:
        """Delete the conversation, or only the turns behind `after` (0: every turn; the settings stay).

        Raises:
            ConversationBusy: a turn runs or waits: cancel it first.
            ConversationNotFound: there is no such conversation.
        """
        if after is None:
            self._calls.read_change(await self._run(self._calls.delete(self._connection.clock.uuid())))
            return
        await self._change(lambda texts: self._calls.cut(texts, after))

    async def _change(self, call: Callable[[list[str]], Call], new_name: str = "") -> None:
        async with self._connection.verb():
            for _ in range(TRIES):
                texts = await self._read_texts()
                with translate_parse_errors(self._connection.url):
                    change = call(texts)
                if self._calls.read_change(await self._run(change), new_name):
                    return
        raise ConversationBusy(self.name)

    async def _read_texts(self) -> list[str]:
        async with self._connection.query() as redis:
            return await redis.lrange(self._calls.messages_key, 0, -1)

    async def _run(self, call: Call) -> Answer:
        return await self._connection.run(call)
