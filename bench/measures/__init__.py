"""What is measured, by name; each takes a plan and a book to write into."""

from collections.abc import Callable

from bench.book import Book
from bench.measures import first_token, sessions, slots, streams, submit
from bench.plan import Plan

MEASURES: dict[str, Callable[[Plan, Book], None]] = {
    "first_token": first_token.measure,
    "streams": streams.measure,
    "slots": slots.measure,
    "submit": submit.measure,
    "sessions": sessions.measure,
}
