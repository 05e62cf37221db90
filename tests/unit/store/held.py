"""All that a fleet has in Redis, in a form in which two fleets can be compared."""

import re
from collections.abc import Sequence
from typing import Any

from embedded.scripted.fleet import Fleet

TIME = re.compile(r"\b(\d{10}(\.\d+)?|\d\.\d+e\+9)\b")  # Redis 8 writes some with an exponent
OWN = {"report", "traceparent"}
"""Fields with what is made of the prefix, or of a trace that another test has begun."""
BY_TIME = (":jobs", ":ages:")
"""Sorted sets whose order is compared, because their scores are times."""
BY_SCORE = (":tenants:", ":waiting:", ":runner:")
"""Sorted sets whose scores are compared."""

SHORT_LIVED = ":forecast:"
"""Keys that lapse after 2 s, so that a slow fleet may have none."""


def read_keys(fleet: Fleet, without: Sequence[str] = ()) -> dict[str, Any]:
    """Read all that is in Redis, by key, without the times and what is made of them."""
    found: dict[str, Any] = {}
    stray = {*without, fleet.keys.prefix + ".store"}
    for key in set(fleet.redis.execute_command("KEYS", f"{fleet.keys.prefix}[:.]*")) - stray:
        name = key.removeprefix(fleet.keys.prefix)
        if name.startswith(SHORT_LIVED):
            continue
        match fleet.redis.execute_command("TYPE", key):
            case "hash":
                fields = fleet.redis.hgetall(key)
                texts = {field: text.replace(f"{fleet.keys.prefix}:", ":") for field, text in fields.items()}
                found[name] = {field: TIME.sub("*", text) for field, text in texts.items() if field not in OWN}
            case "zset":
                scores = dict(fleet.redis.zrange(key, 0, -1, withscores=True))
                in_order = list(scores) if name.startswith(BY_TIME) else set(scores)
                found[name] = scores if name.startswith(BY_SCORE) else in_order
            case "set":
                found[name] = set(fleet.redis.execute_command("SMEMBERS", key))
            case "stream":
                found[name] = [_drop_times(event) for event in fleet.log(name[2:].partition("}")[0])]
            case kind:
                found[name] = kind
    for name in [name for name in found if name.endswith(":loaded")]:  # `<since> <context> <options>`
        found[name] = {model: text.partition(" ")[2] for model, text in found[name].items()}
    return found


def _drop_times(event: dict[str, Any]) -> dict[str, Any]:
    """Give an event no time, and an estimate that does not tell milliseconds."""
    seconds = event.get("eta_seconds")
    return {**event, "at": 0, **({"eta_seconds": round(seconds, -1)} if seconds else {})}


def find_differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Find the keys that are not the same in both, each with what it has in the two."""
    return {name: (ours.get(name), theirs.get(name)) for name in ours | theirs if ours.get(name) != theirs.get(name)}
