"""One kept conversation, seen from an event loop: `llamaq.client.blocking.conversation`, awaited."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from llamaq.client.aio.job import AsyncJob
from llamaq.client.conversation_calls import TRIES, Conversing, Side, model_of
from llamaq.store.connection import Call, run_async, translated
from llamaq.vocabulary.conversations import ConversationSettings, KeptMessage, read_history, read_settings
from llamaq.vocabulary.errors import ConversationBusy
from llamaq.vocabulary.fields import SendFields, SettingsFields
from llamaq.vocabulary.requests import Message
from llamaq.vocabulary.results import ChatResult

if TYPE_CHECKING:
    from llamaq.client.aio.queue import AsyncJobQueue


class AsyncConversation:
    """A handle: it holds nothing but the name, so any number of them, in any process, may look at one conversation.

    Attributes:
        name: the conversation's.
        tenant: whose it is; the same name of another tenant is another conversation.
    """

    def __init__(self, queue: "AsyncJobQueue", name: str, tenant: str) -> None:
        self._queue = queue
        self._verbs = Conversing(queue.settings, name, tenant)
        self.name = name
        self.tenant = tenant

    def __repr__(self) -> str:
        return f"AsyncConversation({self.name!r}, tenant={self.tenant!r})"

    async def send(
        self, message: str | Message | dict[str, Any] | Sequence[Message | dict[str, Any]], **fields: Unpack[SendFields]
    ) -> AsyncJob[ChatResult]:
        """Say something, or answer the model's tool calls; a job of the kind chat.

        Args:
            message: a text of the user's; a message, such as a tool's answer; or several in a list.
            fields: of the request; what is not given is what the conversation is set to.

        Raises:
            ConversationBusy: `when_busy="reject"`, and a turn runs or waits.
            InvalidRequest: among others: no model was given, and the conversation is set to none.
        """
        return await self._queue.chat(**self._verbs.asked(message, fields))

    async def history(self) -> list[KeptMessage]:
        """What is kept, oldest first; nothing where there is no such conversation."""
        return read_history(await self._texts())

    async def settings(self) -> ConversationSettings:
        """What it is set to."""
        with translated(self._queue.url):
            return read_settings(await self._queue._redis.hgetall(self._verbs.about_key))  # noqa: SLF001 - the two are one component

    async def set(self, **changes: Unpack[SettingsFields]) -> None:
        """Set what is given, and clear what is None; turns that have not begun yet go by it.

        Raises:
            InvalidRequest: naming the field.
        """
        await self._run(self._verbs.set(changes))

    async def edit(self, turn: int, content: str, *, role: Side = "user") -> None:
        """Put other words into a turn: into its question, or (`role="assistant"`) its answer. What follows stays.

        Raises:
            ConversationBusy: a turn runs or waits.
            InvalidRequest: there is no such turn.
        """
        await self._change(lambda texts: self._verbs.edit(texts, turn, content, role))

    async def fork(self, new_name: str, at: int | None = None) -> "AsyncConversation":
        """Begin another conversation with this one's settings and history, up to and with the turn `at`.

        Raises:
            ConversationNotFound: there is no such conversation.
            ConversationExists: the new name is taken.
        """
        token = self._queue._verbs.new_id()  # noqa: SLF001 - as above
        await self._change(lambda texts: self._verbs.fork(texts, new_name, at, token), new_name)
        return AsyncConversation(self._queue, new_name, self.tenant)

    async def delete(self, after: int | None = None) -> None:
        """Forget it all, or only the turns behind `after` (0: every turn, and the settings stay).

        Raises:
            ConversationBusy: a turn runs or waits: cancel it first.
            ConversationNotFound: there is no such conversation.
        """
        if after is None:
            self._verbs.done(await self._run(self._verbs.delete()))
            return
        await self._change(lambda texts: self._verbs.cut(texts, after))

    async def _change(self, call: Callable[[list[str]], Call], new_name: str = "") -> None:
        for _ in range(TRIES):
            if self._verbs.done(await self._run(call(await self._texts())), new_name):
                return
        raise ConversationBusy(self.name)

    async def _texts(self) -> list[str]:
        with translated(self._queue.url):
            texts: list[str] = await self._queue._redis.lrange(self._verbs.messages_key, 0, -1)  # noqa: SLF001 - as above
            return texts

    async def _run(self, call: Call) -> Any:
        with translated(self._queue.url):
            return await run_async(self._queue._redis, call)  # noqa: SLF001 - as above


async def answering(queue: "AsyncJobQueue", model: str | None, fields: dict[str, Any]) -> str:
    """The model of a turn: the one given, or the conversation's."""
    if model is None and fields.get("conversation"):
        model = (await queue.conversation(fields["conversation"], fields.get("tenant", "default")).settings()).model
    return model_of(model, fields)
