"""What Sentinels say of a master, and when they are asked; without any I/O.

Sentinels may differ for a moment: all but one may still name the master before the failover. So all that answer are
asked, and the answer with the highest epoch counts, which is that of the newest failover. The Sentinel that leads a
failover raises the epoch before it names the new master, so its answer does not count until the failover is over. One
that was silent is left out while the others are a majority.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import redis
from redis.sentinel import MasterNotFoundError

from llamaq.store.connections.address import Address

Place = tuple[str, int]
"""Host and port."""
_FAILS_OVER = "failover_in_progress"
ASK_SECONDS = 1.0
"""For the answer of one Sentinel; less where a try has less."""
SILENT_SECONDS = 10.0
"""For which a Sentinel that did not answer is asked only where the others are no majority."""


class WrongSentinels(redis.ConnectionError):
    """The Sentinels answer, and another try would be answered alike: they know no such master, or want a password."""


class NoSentinel(MasterNotFoundError):
    """No Sentinel answers."""


class Accounts:
    """The accounts with which Sentinels are tried: their own, else none, and Redis' one where they want a password."""

    def __init__(self, target: Address) -> None:
        own = target.options.get("sentinel_username"), target.options.get("sentinel_password")
        redis_account = target.user or None, target.password or None
        self._accounts = [own] if own[1] else [(None, None)] + [redis_account] * bool(target.password)
        self._current = 0

    def current(self) -> dict[str, Any]:
        """User and password, as options of a connection."""
        user, password = self._accounts[self._current]
        return {"username": user, "password": password}

    def try_next(self, error: Exception) -> bool:
        """Go on to the next account after this error; False where there is none."""
        if not isinstance(error, redis.AuthenticationError) or self._current + 1 >= len(self._accounts):
            return False
        self._current += 1
        return True


class Sentinel:
    """One Sentinel, whose client is made anew when the account changes.

    Attributes:
        silent_until: until then it counts as silent, because it has not answered.
    """

    def __init__(self, place: Place, target: Address, make: Callable[[Place, dict[str, Any]], Any]) -> None:
        self.name = f"the Sentinel {place[0]}:{place[1]}"
        self._place, self._make = place, make
        self._accounts = Accounts(target)
        self.client = make(place, self._accounts.current())
        self.silent_until = 0.0

    def switch_account(self, error: Exception) -> bool:
        """Go on to another account after this error; False where there is none."""
        if not self._accounts.try_next(error):
            return False
        self.client = self._make(self._place, self._accounts.current())
        return True


class SentinelAnswers:
    """What the Sentinels of one address say of their master, one after the other."""

    def __init__(self, name: str, sentinels: int) -> None:
        self._name, self._most = name, sentinels
        self._found: list[tuple[int, Place]] = []
        self._answers = 0
        self._wrong: list[str] = []
        self._reasons: list[str] = []

    @property
    def is_decided(self) -> bool:
        """Whether a majority has answered, one of which names a master."""
        return bool(self._found) and self._answers > self._most // 2

    def next_sentinels(self, sentinels: Sequence[Sentinel], now: float) -> Iterator[Sentinel]:
        """The Sentinels to ask, one after the other. A silent one is asked only where the others are no majority."""
        for sentinel in sorted(sentinels, key=lambda each: each.silent_until > now):
            if self.is_decided and sentinel.silent_until > now:
                return
            yield sentinel

    def note_answer(self, sentinel: Sentinel, masters: Mapping[str, Any]) -> None:
        """Note the answer of one: its masters by name."""
        self._answers += 1
        state = masters.get(self._name)
        if state is None:
            known = ", ".join(sorted(masters)) or "none"
            self._wrong.append(f"{sentinel.name} knows no master {self._name} (it knows {known})")
        elif not state["is_master"] or state["is_sdown"] or state["is_odown"] or _FAILS_OVER in state["flags"]:
            self._reasons.append(f"{sentinel.name} says that the master is down, and no other is chosen yet")
        else:
            self._found.append((int(state.get("config-epoch", 0)), (state["ip"], state["port"])))

    def note_failure(self, sentinel: Sentinel, error: Exception, now: float) -> None:
        """Note that one did not answer."""
        sentinel.silent_until = now + SILENT_SECONDS
        wrong = isinstance(error, redis.AuthenticationError | redis.ResponseError)
        (self._wrong if wrong else self._reasons).append(f"{sentinel.name}: {error}")

    def choose_master(self) -> Place:
        """Choose the master.

        Raises:
            WrongSentinels: another try is of no use.
            NoSentinel: none answers.
            MasterNotFoundError: none is known at the moment.
        """
        if self._found:
            return max(self._found)[1]
        if self._wrong and not self._reasons:
            raise WrongSentinels("; ".join(self._wrong))
        reasons = "; ".join(self._wrong + self._reasons)
        raise MasterNotFoundError(reasons) if self._answers else NoSentinel(reasons)


def ask_seconds(target: Address, try_seconds: float) -> float:
    """For one Sentinel, so that a try has time for all of them and for Redis."""
    return min(ASK_SECONDS, try_seconds / (len(target.servers) + 1))
