"""The transaction that appends events of running attempts without a script.

It writes and publishes entries as `append.lua` does. The ids count on from the last entry, because a transaction cannot
publish an id that Redis makes. How far the answer is, the script writes into the record when it renews the lease.
"""

from collections.abc import Sequence

from llamaq.store.connections.packing import pack_command, pack_text
from llamaq.store.keys import Keys
from llamaq.store.script_runs import Command, Reply
from llamaq.store.worker.flushes import Flush, Place, Written

COUNTS_FROM = 9_000_000
"""The second number of an entry's id is above it. A reader that compares ids as texts mostly has them in order: all
have as many digits, and begin with a 9, so they come behind the few entries that scripts write in one millisecond.
`flushed.lua` has the same number."""
_MULTI, _EXEC = pack_command("MULTI"), pack_command("EXEC")


def fits_transaction(flush: Flush) -> bool:
    """Whether it may go by a transaction: it has deltas alone, so that the last entry tells when the answer went on."""
    for _, kind, _ in flush.events:
        if kind != "delta":
            return False
    return flush.place is not None and bool(flush.events)


class Transaction:
    """One transaction.

    Attributes:
        commands: from MULTI to EXEC.
    """

    def __init__(self, keys: Keys, flushes: Sequence[Flush], now: float) -> None:
        """Make its commands.

        Args:
            keys: of the fleet.
            flushes: those that `fits_transaction` allows.
            now: the time by Redis' clock, in seconds.
        """
        self._flushes = flushes
        self._cursors: list[str] = []
        milliseconds = int(now * 1000)
        at = f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
        self.commands: list[Command] = [_MULTI]
        for flush in flushes:
            self._append(flush, pack_text(keys.events(flush.job.id)), at)
        self.commands.append(_EXEC)

    def read_reply(self, reply: Reply) -> list[Written] | None:
        """Read what became of each flush, by the reply to EXEC; None where nothing was written.

        `GAP` is one of which Redis did not take each entry, as after its log was deleted by hand.
        """
        if not isinstance(reply, list):  # the generation has changed, or Redis takes no writes
            return None
        found: list[Written] = []
        at = 0
        for flush in self._flushes:
            till = at + len(flush.events)
            cursors = self._cursors[at:till]
            # Of each event the answers to XADD and PUBLISH.
            place = Place(flush.place.generation, cursors[-1]) if flush.place else None
            found.append(Written("OK", place) if reply[2 * at : 2 * till : 2] == cursors else Written("GAP"))
            at = till
        return found

    def _append(self, flush: Flush, log: bytes, at: str) -> None:
        milliseconds, _, last = (flush.place.cursor if flush.place else "").partition("-")
        for number, (_, kind, members) in enumerate(flush.events, max(int(last), COUNTS_FROM) + 1):
            cursor = f"{milliseconds}-{number}"
            body = f'{{"v":1,"type":"{kind}","attempt":{flush.job.attempt},"at":{at},{members}}}'.encode()
            entry, said = cursor.encode(), b"%b %b" % (cursor.encode(), body)
            # A log that was deleted is not begun anew: the attempt ends, because no reader can have its whole text.
            # Packed here, because a worker does this for each token.
            self.commands += (
                b"*6\r\n$4\r\nXADD\r\n%b$10\r\nNOMKSTREAM\r\n$%d\r\n%b\r\n$5\r\nevent\r\n$%d\r\n%b\r\n"
                % (log, len(entry), entry, len(body), body),
                b"*3\r\n$7\r\nPUBLISH\r\n%b$%d\r\n%b\r\n" % (log, len(said), said),
            )
            self._cursors.append(cursor)
