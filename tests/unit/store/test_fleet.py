"""The records of hosts as their reports left them."""

import json
from typing import Any

from llamaq.store import fleet

NOW = (1000, 0)
MODEL = {
    "model": "m:latest",
    "size": 5,
    "loaded": True,
    "memory": 9,
    "vram": 0,
    "gpu_share": 0.0,
    "expires_at": 1200.0,
    "context_length": 4096,
}


def host(circuit: str | None, seen_at: str, last_error_at: str | None, **status: Any) -> Any:
    """One host with a model, as it is read from its record."""
    told = json.dumps({"version": "0.1", "models": [MODEL], **status})
    error = last_error_at and "it broke"
    known = {"status": told, "slots": "2", "max_models": "1", "seen_at": seen_at, "circuit": circuit}
    record = {**known, "last_error": error, "last_error_at": last_error_at}
    return fleet.read_hosts(NOW, ["alpha"], [[record.get(name) for name in fleet.HOST_FIELDS], [], {}], {})[0]


def test_a_silent_host_has_nothing_in_memory_that_is_known() -> None:
    """While it does not answer, what was loaded may be gone; its models stay, since jobs for them wait."""
    (model,) = host("open", "995.0", "996.0").models

    assert (model.model, model.loaded, model.memory, model.expires_at) == ("m:latest", False, None, None)
    assert host("open", "997.0", "996.0").models[0].loaded, "it answers, and its circuit was opened by jobs"
    assert host(None, "995.0", "996.0").models[0].loaded, "one job failed"


def test_the_last_error_has_its_time_for_each_model_too() -> None:
    """So that a reader can tell whether the host has answered since."""
    found = host(None, "995.0", "900.0")

    assert found.last_error_at == found.models[0].last_error_at
    assert found.models[0].last_error_at.timestamp() == 900.0


def test_what_a_host_lists_and_nobody_can_read_is_its_last_error() -> None:
    """Unless something worse has happened since."""
    odd = host(None, "995.0", "900.0", problem="models.1 is odd")
    down = host("open", "995.0", "996.0", problem="models.1 is odd")

    assert (odd.last_error, odd.last_error_at.timestamp()) == ("models.1 is odd", 995.0)
    assert down.last_error == "it broke"
    assert host(None, "995.0", None, problem="models.1 is odd").models[0].last_error == "models.1 is odd"
