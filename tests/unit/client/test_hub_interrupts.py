"""A signal whose handler raises (Ctrl-C) as a reader takes its turn to ask Redis: the other readers go on."""

import sys
import threading
from types import FrameType
from typing import Any

from llamaq.client.blocking.hub import Hub
from llamaq.settings.producer import Settings

FILES = ("client/blocking/", "threading.py", "contextlib.py")


class Interrupted(BaseException):
    """What the handler raises."""


def _interrupted(hub: Hub, number: int) -> bool:
    """Take a turn, and raise at the so-manieth step. Whether it had so many."""
    seen = 0

    def trace(frame: FrameType, _event: str, _: object) -> Any:
        nonlocal seen
        if not any(part in frame.f_code.co_filename for part in FILES):
            return None
        seen += 1
        if seen == number:
            sys.settrace(None)
            raise Interrupted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with hub.take_turn():
            pass
    except Interrupted:
        pass
    finally:
        sys.settrace(before)
    return seen >= number


def test_other_readers_get_their_turn() -> None:
    """Wherever it comes; a lock that stayed held would stop all of them for ever."""
    number, more = 0, True
    while more:
        number += 1
        hub = Hub(lambda: None, Settings())  # type: ignore[arg-type,return-value]  # it asks for nothing
        more = _interrupted(hub, number)
        ended = threading.Event()

        def read(hub: Hub = hub, ended: threading.Event = ended) -> None:
            with hub.take_turn():
                ended.set()

        threading.Thread(target=read, daemon=True).start()
        assert ended.wait(10), number

    assert number > 10
