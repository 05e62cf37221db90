"""kombu's Redis transport with a guard: a message that it cannot read would end one worker after another.

Celery sees a message only after kombu has parsed it, put it together and noted it as unacknowledged. What fails on that
way is caught here and given to `set_aside`; what Celery itself would stumble over, `worker.celery.guard` catches.
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
    """kombu's account of the messages in hand, which a lost connection does not upset.

    A message may be in hand for the moment between its receipt and its acknowledgement. When Redis goes away just then,
    kombu tries to give it back over a connection that was taken apart already, and the AttributeError ends the worker.
    """

    def restore_unacked(self, client: Any = None) -> None:
        """Give back what was not acknowledged. Without one it stays noted in Redis, which delivers it again."""
        transport = self.channel.connection
        if client is None and (transport is None or transport.client is None):
            _log.warning("the connection was lost with %d messages in hand; they come again", len(self._delivered))
            self._delivered.clear()
            return
        super().restore_unacked(client)


class Channel(kombu.transport.redis.Channel):
    """The channel with that account."""

    QoS = QoS


class Transport(kombu.transport.redis.Transport):
    """The transport with a guard around the delivery of each message.

    Attributes:
        set_aside: is given the queue, the message as far as it was read, and what is wrong with it.
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
    """Make every Redis connection that kombu opens in this process a guarded one."""
    Transport.set_aside = staticmethod(set_aside)
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
    # The parsing is buried in the middle of a long method of kombu's channel; its module's `loads` is the one seam.
    kombu.transport.redis.loads = _tolerant_loads


def _tolerant_loads(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return {_UNREADABLE: text}


def _require_readable(message: Any) -> None:
    """What kombu takes for granted when it makes its `Message` of one."""
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
