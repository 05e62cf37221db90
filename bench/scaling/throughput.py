"""What workers and hosts add: long cheap jobs, jobs without length, and nothing at all, at each size of the fleet."""

import time

from bench.book import Book
from bench.machine import note_quiet
from bench.scaling.crew import Crew, crew
from bench.scaling.plan import Plan
from bench.scaling.redis_use import look


def measure(plan: Plan, book: Book) -> None:
    """From the smallest fleet to the largest."""
    with crew(plan.slots) as on:
        for size in plan.sizes:
            on.grow(size)
            if size in (plan.sizes[0], plan.sizes[-1]):
                _idle(plan, book, on, str(size))
            for _ in range(plan.long_rounds):
                note_quiet(book)
                on.script(first_token_seconds=plan.job_seconds, count=1)
                _play("long", on.slots * plan.jobs_per_slot, book, on, str(size))
            on.script(count=1)
            _play("flood", plan.flood * size, book, on, str(size))


def _play(name: str, jobs: int, book: Book, on: Crew, size: str) -> None:
    before, use, watch = on.arrived(), look(on.redis), on.watch()
    on.play(jobs)
    load, used = watch.load(), look(on.redis).since(use)
    book.add(f"{name}_per_second", size, jobs / on.seconds_of(before))
    book.add(f"{name}_cores", size, load.cores)
    book.add(f"{name}_machine", size, load.machine * 100)
    book.add(f"{name}_worker_us", size, load.seconds["workers"] / jobs * 1e6)
    book.add(f"{name}_redis_us", size, used.cpu_seconds / jobs * 1e6)


def _idle(plan: Plan, book: Book, on: Crew, size: str) -> None:
    use, watch = look(on.redis), on.watch()
    time.sleep(plan.idle_seconds)
    load, now = watch.load(), look(on.redis)
    used = now.since(use)
    book.add("idle_commands", size, used.commands / used.seconds)
    book.add("idle_reads", size, used.reads / used.seconds)
    book.add("idle_redis_us", size, used.cpu_seconds / used.seconds * 1e6)
    book.add("idle_worker_percent", size, load.seconds["workers"] / int(size) / used.seconds * 100)
    book.add("idle_clients", size, now.clients)
