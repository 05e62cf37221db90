"""The parts that are sent again each second, with names that a host or a producer chose."""

import re
from datetime import UTC, datetime

import pytest

from gateway.ui.live import render_view
from gateway.ui.rendering import count, duration, size
from gateway.ui.watch import SHOWN_HOSTS, Look
from llamaq import HostStatus, JobStatus, ModelStatus, WorkerStatus
from llamaq.vocabulary.status import QueueStatus
from llamaq.vocabulary.wait_reason import Why

EVIL = "\"><script>alert('1')</script>&\n%2F../x?"
NOW = datetime.now(UTC)
MODEL = ModelStatus(model=EVIL, host=EVIL, circuit="open", last_error=EVIL, last_error_at=NOW, loaded=True)
HOST = HostStatus(host=EVIL, version=EVIL, last_error=EVIL, last_error_at=NOW, sizes=EVIL, models=(MODEL,))
JOB = JobStatus(
    id="id", state="running", kind="generate", model=EVIL, host=EVIL, worker=EVIL, tenant=EVIL, reason=EVIL,
    submitted_at=NOW, metadata={EVIL: EVIL},
)  # fmt: skip
LOOK = Look(
    hosts=[HOST],
    workers=[WorkerStatus(name=EVIL, host=EVIL, version=EVIL)],
    queues=[QueueStatus(model=EVIL, lane=EVIL, waiting=1, why=Why(word=EVIL, sentence=EVIL))],
    tenants={EVIL: 1},
    running=[JOB],
    away=EVIL,
    jobs={"id": JOB},
)


@pytest.mark.parametrize("view", ["figures", "fleet", "queue", "running", "job"])
def test_a_name_stays_a_text(view: str) -> None:
    """Within a page, an attribute and a link."""
    page = render_view(LOOK, view, "id", '"><script>')

    assert "<script" not in page
    assert "&#34;&gt;&lt;script&gt;" in page


def test_of_many_hosts_those_in_trouble_are_shown_first() -> None:
    """And the others are found by name. All of a thousand would be megabytes a second."""
    hosts = [HostStatus(host=f"host-{number:03}", seen_at=NOW) for number in range(SHOWN_HOSTS + 50)]
    hosts[120] = hosts[120].model_copy(update={"circuit": "open"})
    hosts[130] = hosts[130].model_copy(update={"state": "paused"})
    workers = [WorkerStatus(name=f"w-{host.host}", host=host.host) for host in hosts if host is not hosts[140]]
    look = Look(hosts=hosts, workers=workers)

    page, found = render_view(look, "fleet"), render_view(look, "fleet", find="t-14")

    names = [f"host-{number:03}" for number in (120, 130, 140, *range(97))]
    assert re.findall(r'"Host (host-\d+)"', page) == names
    assert "100 of 150 hosts" in page
    assert page.count("w-host-") == 99
    assert "No worker serves this host." in page
    assert re.findall(r'"Host (host-\d+)"', found) == [f"host-{number}" for number in (140, *range(141, 150))]
    assert "No host has <b>none</b>" in render_view(look, "fleet", find="none")


def test_figures_are_short() -> None:
    """In the two units that matter."""
    assert [duration(one) for one in (None, 0.0213, 3.21, 59, 200, 7500, 90_000)] == [
        "\N{EN DASH}", "21 ms", "3.2 s", "59 s", "3 m 20 s", "2 h 5 m", "1 d 1 h",
    ]  # fmt: skip
    assert [size(one) for one in (0, 98_000_000, 2_019_393_189)] == ["0 B", "98 MB", "2.0 GB"]
    assert count(100_000) == "100 000"
