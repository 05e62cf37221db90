"""Changes good messages at random, so that they are good nearly everywhere and get far before something is wrong."""

import json
from random import Random
from typing import Any

Path = tuple[str | int, ...]
NAMES = (
    *("id", "task", "args", "kwargs", "request", "eta", "expires", "timelimit", "retries", "shadow", "group", "chord"),
    *("callbacks", "errbacks", "chain", "stamps", "stamped_headers", "compression", "headers", "properties", "body"),
    *("delivery_info", "delivery_tag", "priority", "reply_to", "redelivered", "llamaq_taken", "method", "arguments"),
    *("destination", "pattern", "matcher", "ticket", "model", "prompt", "messages", "options", "kind", "tools", "x"),
    *("__type__", "__value__", "ignore_result", "origin", "utc", "taskset", "replaced_task_nesting", "root_id", ""),
)
TEXTS = (
    *("", "\ud800", "\udfff\ud800", "\x00", "é" * 300, "x" * 10_000, "../..", "a{b}", "null", "-1", "1e999", "NaN"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2020-01-01", "soon", "base64", "application/json"),
    *("application/x-python-serialize", "application/x-yaml", "application/x-gzip", "utf-16", "rot13", "binary"),
    *("decimal", "uuid", "datetime", "bytes", "llamaq.pulse", "llamaq.models", "llamaq.chat", "celery.chord", "(a+)+$"),
)


def nest(levels: int) -> Any:
    """Nest lists and objects in each other."""
    value: Any = []
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


class Mutator:
    """A source of changes. The same seed gives the same ones.

    Attributes:
        random: for choices of the caller's.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def draw_value(self) -> Any:
        """Draw any value of JSON, and of what Python takes for JSON."""
        draw = self.random
        others = [self._draw_number, self._draw_container, self._draw_nested]
        made = draw.choice([*others, self.draw_text, self.draw_text, self.draw_text])
        return made()

    def draw_text(self) -> str:
        """Draw any text."""
        draw = self.random
        if draw.random() < 0.8:
            return draw.choice((*TEXTS, *NAMES))
        return "".join(chr(draw.randrange(0x110000)) for _ in range(draw.randrange(20)))

    def change(self, good: Any, most: int = 2) -> Any:
        """Change up to so many places of a copy of the value."""
        value = json.loads(json.dumps(good))  # a deep copy in Python does not go as deep
        for _ in range(self.random.randint(1, most)):
            value = self._change_once(value)
        return value

    def write(self, value: Any) -> str:
        """Write JSON, and at times something near it."""
        text = json.dumps(value, ensure_ascii=self.random.random() < 0.7)
        return self.tear(text) if self.random.random() < 0.05 else text

    def tear(self, text: str) -> str:
        """Take a part of a text out, double it, or replace it."""
        draw = self.random
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.randrange(10))
        part = draw.choice(["", text[start:end] * 2, self.draw_text(), "[" * 5_000, "1" * 5_000])
        return text[:start] + part + text[end:]

    def _draw_number(self) -> Any:
        whole = [None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400]
        return self.random.choice([*whole, float("nan"), float("inf"), -0.0, 0.1, 1e-320, 1e308])

    def _draw_container(self) -> Any:
        draw = self.random
        fixed: list[Any] = [
            [],
            {},
            [[]],
            [None],
            [[], {}, {}],
            ["a", "b"],
            {"__type__": self.draw_text(), "__value__": self.draw_text()},
        ]
        made = [{draw.choice(NAMES): self.draw_value()}, [self.draw_value() for _ in range(draw.randrange(3))]]
        return draw.choice([*fixed, *made])

    def _draw_nested(self) -> Any:
        return nest(self.random.choice([1, 10, 100, 240, 260, 400, 800]))

    def _change_once(self, value: Any) -> Any:
        places = list(_list_places(value))
        if not places:
            return self.draw_value()
        *before, last = self.random.choice(places)
        target = value
        for part in before:
            target = target[part]
        if isinstance(target, dict) and self.random.random() < 0.2:
            del target[last]
        elif isinstance(target, dict) and self.random.random() < 0.4:
            target[self.random.choice(NAMES)] = self.draw_value()
        else:
            target[last] = self.draw_value()
        return value


def _list_places(value: Any, path: Path = ()) -> Any:
    if path:
        yield path
    if len(path) > 12:
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield from _list_places(item, (*path, name))
