"""The calls of the job store that a worker makes for its host."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

from llamaq import __version__
from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments
from llamaq.store.clock import Clock
from llamaq.store.keys import Keys
from llamaq.store.redis_client import Client
from llamaq.store.script_drivers import run, unwrap
from llamaq.store.script_runs import Call
from llamaq.store.worker.host_state import HostState
from llamaq.store.worker.worker_scripts import Down, Leave, Mend, Proven, Report
from llamaq.vocabulary.wire import dumps

MENDED_AT_A_TIME = 20
"""Hosts, and models with waiting jobs, whose keys one script looks at."""
LEADER_SECONDS = 3
"""For so long a worker leads the reaper after its last round."""
SAME_CLOCK_SECONDS = 60.0
"""For so long the time of Redis is told by this machine's clock."""
CARD_SECONDS = 900
"""How long the description of a model is kept after the last worker that reports it."""


class HostCalls:
    """The calls of one worker for its host: what it offers, whether it answers, and that the worker leaves it."""

    def __init__(self, client: Client, keys: Keys, host: str, worker: str, clock: Clock) -> None:
        self._client = client
        self._keys = keys
        self._host = host
        self._worker = worker
        self._clock = clock
        self._since = int(clock.time())
        self._redis_ahead, self._ahead_until = 0.0, 0.0

    def report(  # noqa: PLR0913 - all that a probe learns
        self,
        slots: int,
        max_models: int,
        status: str,
        models: Sequence[str],
        *,
        loaded: Sequence[str] = (),
        affinity_patience: float,
        lane_patience: float,
        runners: Mapping[str, str] = MappingProxyType({}),
        contexts: Mapping[str, int] = MappingProxyType({}),
        machine: str = "",
        webhooks: str = "",
    ) -> HostState:
        """Report what this worker's host offers.

        `loaded` are the models in memory, `contexts` the tokens of context of those of which the host tells them, and
        `runners` says for each model which runner serves it, as `runners.lua` keeps it. `affinity_patience` and
        `lane_patience` are the settings, in seconds. `machine` is the id of this machine where the host is its own.
        `webhooks` says which this worker sends: `private`, `public` or `none`, as `senders.lua` has it.
        """
        answer = self._run(
            Report(
                host=self._host,
                worker=self._worker,
                slots=slots,
                max_models=max_models,
                status=status,
                affinity_patience=affinity_patience,
                lane_patience=lane_patience,
                loaded=" ".join(loaded),
                models=" ".join(models),
                runners=dumps({"models": dict(runners), "contexts": dict(contexts)}),
                machine=machine,
                version=__version__,
                since=self._since,
                webhooks=webhooks,
            )
        )
        return HostState(
            circuit=answer.text("circuit"),
            trials=frozenset(answer.text("trials").split()),
            loading=answer.flag("loading"),
            refused=answer.flag("refused"),
            sizes=answer.text("sizes"),
            pause=answer.optional("pause") or "",
            machines=int(answer.optional("machines") or 0),
        )

    def keep_cards(self, cards: Mapping[str, str]) -> None:
        """Keep the answers of `/api/show`, by the digests of the models, for another while."""
        names = [self._keys.card(digest) for digest in cards]
        kept = map(unwrap, self._client.execute_all([["EXPIRE", name, CARD_SECONDS] for name in names]))
        texts = [pair for pair, known in zip(zip(names, cards.values(), strict=True), kept, strict=True) if not known]
        for written in self._client.execute_all([["SET", name, text, "EX", CARD_SECONDS] for name, text in texts]):
            unwrap(written)

    def report_down(self, slots: int, max_models: int, reason: str, webhooks: str = "") -> HostState:
        """Report that this worker's host does not answer; `webhooks` as of `report`."""
        call = Down(
            host=self._host,
            worker=self._worker,
            slots=slots,
            max_models=max_models,
            reason=reason,
            version=__version__,
            since=self._since,
            webhooks=webhooks,
        )
        answer = self._run(call)
        return HostState(circuit=answer.text("circuit"), wanted=answer.flag("wanted"))

    def report_answer(self, job_id: str) -> HostState:
        """Report that the answer of a job has begun on this worker's host, which closes a half-open circuit."""
        return HostState(circuit=self._run(Proven(host=self._host, id=job_id)).text("circuit"))

    def leave(self, seconds: float = 0) -> None:
        """Remove this worker from its host, because it takes no more jobs; what runs ends within `seconds`."""
        self._run(Leave(host=self._host, worker=self._worker, seconds=seconds, version=__version__, since=self._since))

    def mend(self) -> int:
        """Set damaged keys aside; how many there were."""
        mend = Mend(host=self._host, queue=self._keys.worker_queue(self._worker), at_a_time=MENDED_AT_A_TIME)
        return run(self._client, Call(self._keys.prefix, mend)).integer("damaged")

    def leader_seconds_left(self) -> float:
        """For how long another worker leads the reaper, unless it extends that; 0 where `reap` is to decide.

        Each idle worker asks all the time, and the script has four commands. Redis' time is asked for once a minute,
        and after an answer that does not fit, as where the clock of Redis was set.
        """
        now, commands = self._clock.monotonic(), [["HMGET", f"{self._keys.prefix}:reaper", "worker", "until"]]
        if now >= self._ahead_until:
            commands.append(["TIME"])
        (leader, until), *times = cast(
            "list[list[str]]", [unwrap(reply) for reply in self._client.execute_all(commands)]
        )
        for seconds, micros in times:  # `now` was before the call: after a slow one this worker asks sooner, not later
            self._redis_ahead = int(seconds) + int(micros) / 1e6 - now
            self._ahead_until = now + SAME_CLOCK_SECONDS
        left = float(until or 0) - self._redis_ahead - self._clock.monotonic()
        if leader != self._worker and 0 < left <= LEADER_SECONDS:
            return left
        self._ahead_until = 0.0
        return 0.0

    def _run(self, arguments: Arguments) -> Answer:
        return run(self._client, Call(self._keys.prefix, arguments))
