"""One kept conversation, seen from a producer."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from llamaq.client.blocking.job import Job
from llamaq.client.conversation_calls import TRIES, Conversing, Side, model_of
from llamaq.store.connection import Call, run, translated
from llamaq.vocabulary.conversations import ConversationSettings, KeptMessage, read_history, read_settings
from llamaq.vocabulary.errors import ConversationBusy
from llamaq.vocabulary.fields import SendFields, SettingsFields
from llamaq.vocabulary.requests import Message
from llamaq.vocabulary.results import ChatResult

if TYPE_CHECKING:
    from llamaq.client.blocking.queue import JobQueue


class Conversation:
    """A handle: it holds nothing but the name, so any number of them, in any process, may look at one conversation.

    Attributes:
        name: the conversation's.
        tenant: whose it is; the same name of another tenant is another conversation.
    """

    def __init__(self, queue: "JobQueue", name: str, tenant: str) -> None:
        self._queue = queue
        self._verbs = Conversing(queue.settings, name, tenant)
        self.name = name
        self.tenant = tenant

    def __repr__(self) -> str:
        return f"Conversation({self.name!r}, tenant={self.tenant!r})"

    def send(
        self, message: str | Message | dict[str, Any] | Sequence[Message | dict[str, Any]], **fields: Unpack[SendFields]
    ) -> Job[ChatResult]:
        """Say something, or answer the model's tool calls; a job of the kind chat.

        Args:
            message: a text of the user's; a message, such as a tool's answer; or several in a list.
            fields: of the request; what is not given is what the conversation is set to.

        Raises:
            ConversationBusy: `when_busy="reject"`, and a turn runs or waits.
            InvalidRequest: among others: no model was given, and the conversation is set to none.
        """
        return self._queue.chat(**self._verbs.asked(message, fields))

    def history(self) -> list[KeptMessage]:
        """What is kept, oldest first; nothing where there is no such conversation."""
        return read_history(self._texts())

    def settings(self) -> ConversationSettings:
        """What it is set to."""
        with translated(self._queue.url):
            return read_settings(self._queue._redis.hgetall(self._verbs.about_key))  # noqa: SLF001 - the two are one component

    def set(self, **changes: Unpack[SettingsFields]) -> None:
        """Set what is given, and clear what is None; turns that have not begun yet go by it.

        Raises:
            InvalidRequest: naming the field.
        """
        self._run(self._verbs.set(changes))

    def edit(self, turn: int, content: str, *, role: Side = "user") -> None:
        """Put other words into a turn: into its question, or (`role="assistant"`) its answer. What follows stays.

        Raises:
            ConversationBusy: a turn runs or waits.
            InvalidRequest: there is no such turn.
        """
        self._change(lambda texts: self._verbs.edit(texts, turn, content, role))

    def fork(self, new_name: str, at: int | None = None) -> "Conversation":
        """Begin another conversation with this one's settings and history, up to and with the turn `at`.

        Raises:
            ConversationNotFound: there is no such conversation.
            ConversationExists: the new name is taken.
        """
        token = self._queue._verbs.new_id()  # noqa: SLF001 - as above
        self._change(lambda texts: self._verbs.fork(texts, new_name, at, token), new_name)
        return Conversation(self._queue, new_name, self.tenant)

    def delete(self, after: int | None = None) -> None:
        """Forget it all, or only the turns behind `after` (0: every turn, and the settings stay).

        Raises:
            ConversationBusy: a turn runs or waits: cancel it first.
            ConversationNotFound: there is no such conversation.
        """
        if after is None:
            self._verbs.done(self._run(self._verbs.delete()))
            return
        self._change(lambda texts: self._verbs.cut(texts, after))

    def _change(self, call: Callable[[list[str]], Call], new_name: str = "") -> None:
        for _ in range(TRIES):
            if self._verbs.done(self._run(call(self._texts())), new_name):
                return
        raise ConversationBusy(self.name)

    def _texts(self) -> list[str]:
        with translated(self._queue.url):
            texts: list[str] = self._queue._redis.lrange(self._verbs.messages_key, 0, -1)  # noqa: SLF001 - as above
            return texts

    def _run(self, call: Call) -> Any:
        with translated(self._queue.url):
            return run(self._queue._redis, call)  # noqa: SLF001 - as above


def answering(queue: "JobQueue", model: str | None, fields: dict[str, Any]) -> str:
    """The model of a turn: the one given, or the conversation's."""
    if model is None and fields.get("conversation"):
        model = queue.conversation(fields["conversation"], fields.get("tenant", "default")).settings().model
    return model_of(model, fields)
