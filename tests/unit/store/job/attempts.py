"""What the tests of the logs share: an attempt that writes, and a client that shows what is sent of it."""

from collections.abc import Callable
from typing import Any

from embedded.scripted.fleet import LEASE_SECONDS, Fleet
from llamaq.store.clock import SYSTEM
from llamaq.store.worker.attempt_logs import AttemptLogs
from llamaq.store.worker.flushes import Flush, Place, Written
from llamaq.vocabulary.wire import dump_members


class Wire:
    """A client that keeps the commands of the logs, and does what a test wants before one of them is sent.

    Attributes:
        sent: the commands, without those that make no difference here.
        before: what is done before the command of this name is sent.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._early: list[Any] = []
        self.sent: list[str] = []
        self.before: dict[str, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send(self, commands: Any, connection: Any = None) -> Any:
        names = [_read_name(command) for command in commands]
        self.sent += names
        self._early = []
        for name in sorted(set(self.before) & set(names), key=names.index):
            at = names.index(name) - len(self._early)
            if at:
                connection = self._client.send(commands[:at], connection)
                self._early += self._client.receive(connection, commands[:at])
            self.before.pop(name)()
            commands = commands[at:]
        return self._client.send(commands, connection)

    def receive(self, connection: Any, commands: Any) -> Any:
        return [*self._early, *self._client.receive(connection, commands[len(self._early) :])]


def _read_name(command: Any) -> str:
    return command.split(b"\r\n")[2].decode() if isinstance(command, bytes) else str(command[0])


class Attempt:
    """An attempt whose first event the script has written, so that the next ones need none."""

    def __init__(self, fleet: Fleet, **fields: Any) -> None:
        self.fleet = fleet
        self.store = fleet.add_host(slots=9)
        self.job, self.claimed = fleet.start_job(self.store, **fields)
        self.wire = Wire(fleet.redis)
        self.logs = AttemptLogs(self.wire, fleet.keys, LEASE_SECONDS, SYSTEM)
        self.place: Place | None = None
        self.number = 0
        assert self.say("first") == "OK"
        self.wire.sent.clear()

    def flush(self, *texts: str, renews: bool = False) -> Flush:
        """Build what it writes next."""
        events = [(self.number + index, "delta", dump_members(text=text)) for index, text in enumerate(texts, 1)]
        self.number += len(texts)
        return Flush(self.claimed, f"{self.job.id} alpha", renews, events, self.number, self.place)

    def say(self, *texts: str, renews: bool = False) -> str | Exception:
        """Write it: the word."""
        return self.keep_place(self.logs.write([self.flush(*texts, renews=renews)])[0])

    def keep_place(self, written: Written) -> str | Exception:
        """Keep the place: the word."""
        self.place = written.place
        return written.word

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.fleet.log(self.job.id) if event["type"] == "delta"]


def let_lease_stray(attempt: Attempt) -> None:
    """Take the lease out of the record by hand, and reap."""
    attempt.fleet.redis.hset(attempt.fleet.keys.record(attempt.job.id), "lease", "")
    attempt.fleet.end_reaper_leadership()
    attempt.store.reap()
