"""The medians of the results, and rates made of two of them."""

from bench.figures.results import Results
from bench.scaling.measures.streams import DEFAULT, JOINED, READ
from bench.scaling.plan import RATE

BUDGET_US = 500_000
"""Processor time a second that is planned for one Redis: half of its one thread, for bursts, forks and failover."""
ANSWER_TOKENS = 500
SLOTS = 4
ANSWERS_PER_SLOT = RATE / ANSWER_TOKENS
"""A second, where the slot is never empty."""
LEAST_US = 0.1


class Medians:
    """The medians, and rates made of two of them."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def __call__(self, metric: str, path: str) -> float:
        """The median of the rounds.

        Raises:
            KeyError: it was not measured.
        """
        found = self._results.get(metric, path)
        if found is None:
            raise KeyError(f"{metric} of {path} was not measured")
        return found.median

    def paths(self, metric: str) -> list[str]:
        """In the order in which they were measured."""
        return list(self._results.values.get(metric, {}))

    def least(self, metric: str) -> str:
        """The path with the smallest number."""
        return min(self.paths(metric), key=int)

    def most(self, metric: str) -> str:
        """The path with the largest number."""
        return max(self.paths(metric), key=int)

    def each(self, metric: str) -> float:
        """How much one more adds, from the smallest number to the largest; not below zero."""
        low, high = self.least(metric), self.most(metric)
        if low == high:
            return 0.0
        return max((self(metric, high) - self(metric, low)) / (int(high) - int(low)), 0.0)

    @property
    def reader_us(self) -> float:
        """Redis' additional cost of a token that one reader follows."""
        return max(self("token_redis_us", READ) - self("token_redis_us", DEFAULT), LEAST_US)

    @property
    def token_us(self) -> float:
        """Redis' cost of a token that one reader follows, at the default window."""
        return max(self("token_redis_us", DEFAULT), LEAST_US) + self.reader_us

    @property
    def joined_share(self) -> float:
        """Deltas at the wide window for each one at the default."""
        return self("token_deltas", JOINED) / self("token_deltas", DEFAULT)

    @property
    def joined_us(self) -> float:
        """The same at the wide window: a reader costs for each delta, not for each token."""
        return max(self("token_redis_us", JOINED), LEAST_US) + self.reader_us * self.joined_share

    def busy_us(self, hosts: int, token_us: float) -> tuple[float, float, float]:
        """Redis' cost in a second for so many busy hosts of one model: tokens, jobs and idle rounds."""
        jobs = hosts * SLOTS * ANSWERS_PER_SLOT
        tokens = hosts * SLOTS * RATE * token_us
        assigned = jobs * (self("job_redis_us", DEFAULT) + self.each("hosts_submit_us") * hosts)
        rounds = hosts * self.each("idle_redis_us")  # the leader's look at each host is in it
        return tokens, assigned, rounds

    def max_hosts(self, token_us: float) -> int:
        """The largest number of such hosts that stays within the budget; at least one."""
        hosts = 1
        while sum(self.busy_us(hosts + 1, token_us)) <= BUDGET_US:
            hosts += 1
        return hosts
