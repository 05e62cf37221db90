"""What a job and a streamed token cost Redis: commands, processor time, memory, bytes on disk and on the wire."""

import time
from collections.abc import Callable
from threading import Thread

from bench.book import Book
from bench.scaling.crew import REQUEST, Crew, crew
from bench.scaling.plan import RATE, Plan
from bench.scaling.redis_use import RedisUse, look
from llamaq.store.keys import Keys

DEFAULT, JOINED, READ = "20", "200", "read"
"""Milliseconds of `LLAMAQ_FLUSH_MS`; and the first again, with a reader of the SDK for each job."""
_KEYS = Keys()


def measure(plan: Plan, book: Book) -> None:
    """Jobs of one token, then the same with many: what is more is the tokens'."""
    for flush in (DEFAULT, JOINED):
        with crew(plan.streams, FLUSH_MS=flush) as on:
            on.grow(1)
            _run(plan, book, on, flush)


def _run(plan: Plan, book: Book, on: Crew, flush: str) -> None:
    idle = _used(on, lambda: time.sleep(plan.idle_seconds))
    on.script(count=1)
    played: list[str] = []
    job = _used(on, lambda: played.extend(on.play(plan.short))).without(idle)
    if flush == DEFAULT:
        _note_job(book, on, job, played)
    on.script(count=plan.tokens, rate=RATE)
    _note_tokens(plan, book, on, (idle, job), flush)
    if flush == DEFAULT:
        _note_readers(plan, book, on, (idle, job))


def _used(on: Crew, work: Callable[[], object]) -> RedisUse:
    before = look(on.redis)
    work()
    return look(on.redis).since(before)


def _note_job(book: Book, on: Crew, used: RedisUse, played: list[str]) -> None:
    count = len(played)
    book.add("job_commands", DEFAULT, used.commands / count)
    book.add("job_reads", DEFAULT, used.reads / count)
    book.add("job_redis_us", DEFAULT, used.cpu_seconds / count * 1e6)
    book.add("job_file_bytes", DEFAULT, used.file_bytes / count)
    book.add("job_bytes", DEFAULT, _kept(on, played) / count)


def _note_tokens(plan: Plan, book: Book, on: Crew, shared: tuple[RedisUse, RedisUse], flush: str) -> None:
    played: list[str] = []
    watch = on.watch()
    used = _used(on, lambda: played.extend(on.play(plan.streams)))
    tokens = plan.streams * (plan.tokens - 1)
    extra = _beyond(used, *shared, plan)
    deltas = sum(on.redis.xlen(_KEYS.events(job_id)) - 3 for job_id in played)  # queued, started and completed
    book.add("token_commands", flush, extra.commands / tokens)
    book.add("token_reads", flush, extra.reads / tokens)
    book.add("token_redis_us", flush, extra.cpu_seconds / tokens * 1e6)
    book.add("token_worker_us", flush, watch.load().seconds["workers"] / tokens * 1e6)
    book.add("token_deltas", flush, deltas / tokens)
    book.add("token_file_bytes", flush, extra.file_bytes / tokens)


def _note_readers(plan: Plan, book: Book, on: Crew, shared: tuple[RedisUse, RedisUse]) -> None:
    clients: list[float] = []
    used = _used(on, lambda: clients.append(_read(plan, on)))
    tokens = plan.streams * (plan.tokens - 1)
    extra = _beyond(used, *shared, plan)
    book.add("token_redis_us", READ, extra.cpu_seconds / tokens * 1e6)
    book.add("token_commands", READ, extra.commands / tokens)
    book.add("token_reads", READ, extra.reads / tokens)
    book.add("token_sent_bytes", READ, extra.sent_bytes / tokens)
    book.add("reader_clients", READ, clients[0] / plan.streams)


def _beyond(used: RedisUse, idle: RedisUse, job: RedisUse, plan: Plan) -> RedisUse:
    """What the tokens took: without what an idle fleet takes, and what so many jobs of one token take."""
    share = plan.streams / plan.short
    return RedisUse(*(mine - share * theirs for mine, theirs in zip(used.without(idle), job, strict=True)))


def _read(plan: Plan, on: Crew) -> float:
    """Follow each job with a reader of its own; the connections that this opens."""
    before = look(on.redis).clients
    jobs = on.queue.submit_many([REQUEST] * plan.streams)
    readers = [Thread(target=lambda job=job: [None for _ in job.events()]) for job in jobs]
    for reader in readers:
        reader.start()
    time.sleep(plan.tokens / RATE / 2)
    opened = look(on.redis).clients - before
    for reader in readers:
        reader.join()
    return opened


def _kept(on: Crew, played: list[str]) -> float:
    """Bytes of the records and logs."""
    keys = [key for job_id in played for key in (_KEYS.record(job_id), _KEYS.events(job_id))]
    return float(sum(on.redis.memory_usage(key, samples=0) for key in keys))
