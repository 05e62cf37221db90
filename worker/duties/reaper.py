"""Requeues or ends the jobs of lost workers, every second. One worker of the fleet leads.

The others ask when the time of the leader runs out, which it extends each second. So another one leads at the latest
`LEADER_SECONDS` and a fraction of a second after the leader's last round.

In one of `WHOLE_EVERY` rounds the leader first sets damaged keys aside, because one of them would stop the round. A
worker does the same after a round of its own that failed, because the key that says who leads may be damaged; and when
its consumer has to connect anew, because a key of Celery's may be. Such a round also looks after hosts while there are
no jobs.
"""

import threading
from collections.abc import Callable

import structlog

from llamaq.invocation import command_line
from llamaq.store.worker.host_state import Reaped
from llamaq.store.worker.job_store import JobStore
from worker.duties.duty import Duty

ROUND_SECONDS = 1.0
WHOLE_EVERY = 10
"""One of so many rounds sets damaged keys aside first, and is whole although there is no job."""
FOLLOWS_AFTER_SECONDS = 0.2
"""How long after the end of the leader's time another worker asks; a leader that is a little late goes on leading."""
_log = structlog.get_logger(__name__)


class Reaper(Duty):
    """The duty that runs the reaper where this worker leads. After it stops, another worker leads within seconds.

    Attributes:
        leads: whether this worker led the last round.
    """

    name = "reaper"
    when_redis_fails = "no round of the reaper: Redis does not answer"

    def __init__(
        self, store: JobStore, reaped: Callable[[Reaped], None], leads_now: Callable[[], None] = lambda: None
    ) -> None:
        """`reaped` is called with the counts of each round that this worker leads, `leads_now` when it begins to."""
        super().__init__()
        self._store = store
        self._reaped = reaped
        self._leads_now = leads_now
        self._until_whole = 0
        self._mends_now = threading.Event()
        self.leads = False

    def mend_now(self) -> None:
        """Look for damaged keys in a round that begins now, from any thread."""
        self._mends_now.set()
        self.wake()

    def run_round(self) -> float:
        """Run one round of the reaper, if this worker leads."""
        whole = self._until_whole <= 0 or self._mends_now.is_set()
        self._mends_now.clear()
        if whole and (damaged := self._store.mend()):
            _log.error(f"damaged keys were set aside: `{command_line('worker check')}` lists them", damaged=damaged)
        left, self._until_whole = self._until_whole, 0  # also where this round fails
        led, self.leads = self.leads, False
        follows = 0.0 if led else self._store.leader_seconds_left()
        done = None if follows else self._store.reap(whole=whole)
        if done is None:
            self._until_whole = 1  # the first round that this worker leads is not whole: it must not come late
            return (follows or self._store.follows_seconds) + FOLLOWS_AFTER_SECONDS
        self.leads = True
        if not led:
            self._leads_now()
        self._until_whole = WHOLE_EVERY - 1 if whole else left - 1
        if any(done):
            self._reaped(done)
            _log.info("reaped", **done._asdict())
            if done.newer:
                _log.warning("jobs of a newer producer wait: update the workers", jobs=done.newer)
        return ROUND_SECONDS
