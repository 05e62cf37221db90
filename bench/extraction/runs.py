"""The runs: a real worker, and behind it the small model, or a host that answers badly on purpose."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from bench.environment.polling import wait_until
from bench.environment.workers import start_llamaq_worker
from bench.extraction.invalid_answers import KINDS
from bench.extraction.pairs import PAIRS, Pair
from embedded.ollama.process import EmbeddedOllama
from embedded.redis import EmbeddedRedis
from embedded.scripted.launcher import ScriptedOllama
from embedded.weights import fetch_weights
from llamaq import BatchResult, JobQueue
from llamaq.extraction.schema import validator_of
from llamaq.vocabulary.events import Progress

MODEL = "smollm2:135m"
SLOTS = 2
TOKENS = 96
REPAIRS = 2
_OPTIONS = {"temperature": 0.0, "seed": 1, "num_predict": TOKENS}
_SYSTEM = "Draw the facts out of the text. Answer with JSON alone."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        pairs: how many were tried.
        at_once: valid first answers.
        repaired: valid ones after repairs, those included.
        asked: questions to the model, over all.
        failed: how many did not end with a value, by the code.
    """

    what: str
    pairs: int
    at_once: int
    repaired: int
    asked: int
    failed: dict[str, int] = field(default_factory=dict)


def run_model() -> list[Row]:
    """Run the embedded model: without the schema as a grammar (and so without llamaq's kind), and with it."""
    with EmbeddedOllama.start(fetch_weights(), slots=SLOTS) as host, _open_queue(host.url) as queue:
        return [_run_unguided(queue), _row(queue, "SmolLM2-135M, `extract`", _extract(queue, PAIRS))]


def run_scripted() -> list[Row]:
    """Run a host that answers badly: the pairs in turn get one kind of bad answer each."""
    share = {kind.what: [pair for pair, each in zip(PAIRS, cycle(KINDS)) if each is kind] for kind in KINDS}
    with ScriptedOllama.start(slots=SLOTS) as host, _open_queue(host.url) as queue:
        for kind in KINDS:
            for pair in share[kind.what]:
                host.script(*kind.scripts(pair))
        return [_row(queue, f"scripted: {what}", _extract(queue, pairs)) for what, pairs in share.items()]


def _extract(queue: JobQueue, pairs: list[Pair]) -> list[BatchResult]:
    requests = (
        {
            "custom_id": pair.name,
            "kind": "extraction",
            "request": {
                "model": MODEL, "system": _SYSTEM, "prompt": pair.text, "schema": pair.schema, "options": _OPTIONS,
                "repairs": REPAIRS,
            },
        }
        for pair in pairs
    )  # fmt: skip
    return list(queue.batch(requests, in_flight=SLOTS, ordered=True))


def _row(queue: JobQueue, what: str, results: list[BatchResult]) -> Row:
    repairs = [getattr(one.result, "repairs", None) for one in results]
    asked = sum(_count_questions(queue, one) for one in results)
    failed = Counter(one.error.code for one in results if one.error is not None)
    return Row(what, len(results), repairs.count(0), len(results) - failed.total(), asked, dict(failed))


def _count_questions(queue: JobQueue, one: BatchResult) -> int:
    """Count the questions of a job by the repairs in its log, so that failed jobs count too."""
    if one.job_id is None:
        return 0
    events = queue.job(one.job_id).events()
    return 1 + sum(isinstance(event, Progress) and event.stage == "repairing" for event in events)


def _run_unguided(queue: JobQueue) -> Row:
    requests = (
        {
            "custom_id": pair.name,
            "kind": "generate",
            "request": {
                "model": MODEL, "system": _SYSTEM, "options": _OPTIONS,
                "prompt": f"{pair.text}\nThe JSON must be valid against this schema: {json.dumps(pair.schema)}",
            },
        }
        for pair in PAIRS
    )  # fmt: skip
    results = queue.batch(requests, in_flight=SLOTS, ordered=True)
    texts = [getattr(one.result, "text", "") for one in results]
    valid = sum(_is_valid(text, pair) for text, pair in zip(texts, PAIRS, strict=True))
    what = "SmolLM2-135M, `generate` with the schema in the prompt"
    return Row(what, len(PAIRS), valid, valid, len(PAIRS))


def _is_valid(text: str, pair: Pair) -> bool:
    try:
        return validator_of(pair.schema).is_valid(json.loads(text))
    except ValueError:
        return False


@contextmanager
def _open_queue(host_url: str) -> Iterator[JobQueue]:
    with (
        EmbeddedRedis.start() as redis,
        start_llamaq_worker(redis.url, host_url, SLOTS) as worker,
        JobQueue(redis.url) as queue,
    ):
        wait_until(lambda: bool(queue.models()), "a report of the worker", check=worker.check)
        yield queue
