"""kombu's Redis transport with a guard: a message that kombu cannot read would end one worker after another.

Celery sees a message only after kombu has parsed it and noted it as unacknowledged. A message that fails before that is
given to `set_aside` here; one that would fail in Celery is caught by `worker.celery.guard`.
"""

import base64
import logging
from collections.abc import Callable
from typing import Any

import kombu.transport.redis
from kombu.transport import TRANSPORT_ALIASES
from kombu.utils.json import loads

SetAside = Callable[[str, object, Exception], None]
_UNREADABLE = "llamaq: not JSON"
_log = logging.getLogger(__name__)


class QoS(kombu.transport.redis.QoS):
    """kombu's list of unacknowledged messages, which survives a lost connection.

    A message is in it for the moment between its receipt and its acknowledgement. When Redis goes away in that moment,
    kombu returns the message over a connection that is closed already, and the AttributeError ends the worker.
    """

    def restore_unacked(self, client: Any = None) -> None:
        """Return unacknowledged messages. Without a connection they stay in Redis, which delivers them again."""
        transport = self.channel.connection
        if client is None and (transport is None or transport.client is None):
            _log.warning(
                "the connection was lost with %d unacknowledged messages; they are delivered again",
                len(self._delivered),
            )
            self._delivered.clear()
            return
        super().restore_unacked(client)


class Channel(kombu.transport.redis.Channel):
    """The channel with this QoS."""

    QoS = QoS


class Transport(kombu.transport.redis.Transport):
    """The transport with a guard around the delivery of each message.

    Attributes:
        set_aside: called with the queue, the message as far as it was read, and what is wrong with it.
    """

    set_aside: SetAside
    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            _require_readable(message)
        except (ValueError, TypeError) as error:
            self.set_aside(queue, message, error)
            return
        super()._deliver(message, queue)


def install(set_aside: SetAside) -> None:
    """Guard every Redis connection that kombu opens in this process."""
    Transport.set_aside = staticmethod(set_aside)
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
    # kombu parses in the middle of a long method of its channel, so the `loads` of its module is replaced.
    kombu.transport.redis.loads = _tolerant_loads


def _tolerant_loads(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return {_UNREADABLE: text}


def _require_readable(message: Any) -> None:
    """Check the fields that kombu reads without a check when it makes its `Message`."""
    if isinstance(message, dict) and _UNREADABLE in message:
        raise ValueError("the message is not JSON")
    if not isinstance(message, dict) or not isinstance(message.get("properties"), dict):
        raise TypeError("the message has no properties")
    properties = message["properties"]
    if not isinstance(properties.get("delivery_tag"), str) or not isinstance(properties.get("delivery_info"), dict):
        raise TypeError("the message's properties have no delivery_tag, or no delivery_info")
    if not isinstance(message.get("headers"), dict | None):
        raise TypeError("the message's headers are no object")
    if not all(isinstance(message.get(name), str | None) for name in ("content-type", "content-encoding")):
        raise TypeError("the message's content-type or content-encoding is no text")
    body, encoding = message.get("body"), properties.get("body_encoding")
    if encoding not in (None, "base64"):
        raise ValueError(f"the message's body has the unknown encoding {encoding!r}")
    if encoding == "base64" and body:
        base64.b64decode(body)  # as kombu does; binascii.Error is a ValueError
