"""The operator's page in Chromium: hostile names, the keyboard, both widths and schemes, Redis away."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.redis import EmbeddedRedis
from embedded.scripted.script import ScriptedModel
from llamaq import JobFailed
from tests.conftest import MODEL
from tests.gateway_process import GatewayProcess
from tests.ops.browser import Browser, Chromium
from tests.service import Service, fresh_name, start_service, wait_until

EVIL = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"
EVIL_NAME = "<img/src=x/onerror=document.title='run'>:latest"  # names have no blanks
WATCH = "window.broken = []; document.addEventListener('securitypolicyviolation', e => broken.push(e.blockedURI));"
# The WCAG contrast of each text with the ground that is behind it.
CONTRAST = """(() => {
  const parse = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    const says = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!says || !e.checkVisibility() || e.closest('svg')) continue;
    const a = light(parse(getComputedStyle(e).color).slice(0, 3)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio]);
  }
  return low;
})()"""
VIEWS = ("/ui", "/ui/queue", "/ui/running", "/ui/jobs", "/ui/dead", "/ui/charts")
pytestmark = pytest.mark.xdist_group("operator_page")


@pytest.fixture(scope="module")
def front() -> Iterator[tuple[Service, GatewayProcess, EmbeddedRedis]]:
    """A fleet with a gateway, on a Redis of their own."""
    with (
        EmbeddedRedis.start() as server,
        start_service(server.url, slots=1, probe_seconds=0.5) as service,
        GatewayProcess(server.url, prefix=service.prefix, gateway_show_content=1, call_seconds=3) as gateway,
    ):
        yield service, gateway, server


@pytest.fixture
def service(front: tuple[Service, GatewayProcess, EmbeddedRedis]) -> Iterator[Service]:
    """The fleet, left idle."""
    with front[0].apart() as service:
        yield service


@pytest.fixture
def browser(front: tuple[Service, GatewayProcess, EmbeddedRedis], chromium: Chromium) -> Iterator[Browser]:
    """A tab on the fleet's view, which notes what the page's policy blocked."""
    with Browser(chromium) as tab:
        tab.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH)  # ahead of all that a page loads
        tab.open(f"{front[1].url}/ui")
        tab.wait("!!document.querySelector('nav')")
        yield tab


def press(browser: Browser, key: str, **more: Any) -> None:
    """Press a key."""
    for kind in ("keyDown", "keyUp"):
        browser.command("Input.dispatchKeyEvent", type=kind, key=key, code=key, **more)


def shown_as(browser: Browser, width: int, scheme: str) -> None:
    """Show pages as on a screen of that width, in a scheme."""
    browser.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def nothing_ran(browser: Browser) -> None:
    """No script of a name, no image, and nothing that the policy had to block."""
    assert browser.value("document.title") != "run"
    assert browser.value("document.querySelectorAll('img').length") == 0
    assert browser.value("broken") == []


def push(browser: Browser, selector: str, said: str) -> None:
    """Press a button by the keyboard, and wait until the next page says what was done."""
    browser.wait(f"!!document.querySelector({json.dumps(selector)})")
    browser.value(f"document.querySelector({json.dumps(selector)}).focus()")
    press(browser, "Enter", windowsVirtualKeyCode=13, text="\r")
    browser.wait(f"document.body?.innerText?.includes({json.dumps(said)})")


def test_nothing_of_a_job_runs(browser: Browser, front: tuple[Service, GatewayProcess, EmbeddedRedis]) -> None:
    """Neither its name nor its texts; what is live is escaped as well."""
    service, gateway, _ = front
    job = service.queue.generate(MODEL, EVIL, metadata={"name": EVIL}, tenant="evil")
    job.result(30)

    browser.open(f"{gateway.url}/ui/jobs/{job.id}")
    browser.wait("document.body?.innerText?.includes('<script>document.title')")
    browser.value("document.querySelector('#texts button').click()")
    browser.wait("document.querySelectorAll('pre').length === 2")

    nothing_ran(browser)


def test_what_the_policy_blocks_is_seen(browser: Browser) -> None:
    """An image of another server: so a page that had one would fail the tests of this file."""
    browser.value("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:1/x.png'}))")
    browser.wait("broken.length > 0")
    with pytest.raises(AssertionError):
        nothing_ran(browser)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_every_view_can_be_read(
    browser: Browser,
    front: tuple[Service, GatewayProcess, EmbeddedRedis],
    service: Service,
    width: int,
    scheme: str,
    tmp_path: Path,
) -> None:
    """No page is wider than the screen, texts have a contrast of 4.5, and the policy blocks nothing of ours."""
    gate = service.hold(tokens=["a"])
    running = service.queue.generate(MODEL, "x")
    service.wait_held(gate)
    service.queue.generate(MODEL, "x", tenant="acme")
    shown_as(browser, width, scheme)
    for path in (*VIEWS, f"/ui/jobs/{running.id}"):
        browser.open(f"{front[1].url}{path}")
        browser.wait("!!document.querySelector('h1')")
        assert browser.value("document.documentElement.scrollWidth") <= width, path
        assert browser.value(CONTRAST) == [], path
        assert browser.value("broken") == [], path
        browser.screenshot(tmp_path / "page.png")
    service.ollama.release(gate)


def test_the_keyboard_reaches_and_presses(
    browser: Browser, front: tuple[Service, GatewayProcess, EmbeddedRedis]
) -> None:
    """Each link, field and button of the fleet; a button keeps the focus while the page is live."""
    reached = []
    wanted = browser.value(
        "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select')]"
        ".filter(e => e.checkVisibility()).length"
    )
    for _ in range(wanted + 20):
        press(browser, "Tab", windowsVirtualKeyCode=9)
        reached.append(browser.value("document.activeElement.id || document.activeElement.textContent.trim()"))
    pause = next(name for name in reached if name.startswith("pause-"))
    drain = next(name for name in reached if name.startswith("drain-"))
    assert {"Queue", "Charts", "Pull", drain} <= set(reached)

    browser.value(f"document.getElementById({json.dumps(pause)}).focus()")
    browser.value("window.swaps = 0; document.addEventListener('htmx:sseMessage', () => swaps++)")
    browser.wait("swaps >= 3")
    assert browser.value("document.activeElement.id") == pause
    press(browser, "Enter", windowsVirtualKeyCode=13, text="\r")
    browser.wait("document.body?.innerText?.includes('Paused: no new jobs begin there.')")
    host = front[0].queue.hosts()[0]
    assert host.state == "paused"
    front[0].queue.resume(host=host.host)


def test_the_keyboard_does_what_a_host_can_do(
    browser: Browser, front: tuple[Service, GatewayProcess, EmbeddedRedis], service: Service
) -> None:
    """Unload, load, drain and resume: each is said, and done."""
    url = f"{front[1].url}/ui"
    service.queue.generate(MODEL, "x").result(30)
    browser.open(url)
    for verb, loaded in (("unload", False), ("load", True)):
        push(browser, f"[id^='{verb}-']", f"A job {verb}s the model.")
        wait_until(lambda wanted=loaded: service.queue.models()[0].loaded is wanted)  # type: ignore[misc]  # bound now
        browser.open(url)
    push(browser, "[id^='drain-']", "Draining: nothing new begins there.")
    assert service.queue.hosts()[0].state == "draining"
    push(browser, "[id^='resume-']", "Resumed.")
    assert service.queue.hosts()[0].state == "running"


def test_the_keyboard_cancels_and_replays_in_bulk(
    browser: Browser, front: tuple[Service, GatewayProcess, EmbeddedRedis], service: Service
) -> None:
    """One running job; and all that a filter finds, after a count and a question."""
    gate, tenant = service.hold(tokens=["a"]), fresh_name()
    job = service.queue.generate(MODEL, "x", tenant=tenant)
    service.wait_held(gate)
    browser.open(f"{front[1].url}/ui/running")
    push(browser, f"[id='cancel-{job.id}']", "Cancelled.")
    assert job.status().state == "cancelled"

    service.queue.generate(MODEL, "x", tenant=tenant).result(30)
    browser.open(f"{front[1].url}/ui/jobs?tenant={tenant}")
    push(browser, "[formaction='/ui/bulk/replay/count']", "Replay 2 jobs?")
    push(browser, "button.danger.main", "Enqueued again.")
    assert len(service.queue.jobs(tenant=tenant)) == 4


def test_a_page_says_that_redis_is_away_and_comes_back(
    browser: Browser, front: tuple[Service, GatewayProcess, EmbeddedRedis]
) -> None:
    """An open one, by itself; one that is opened meanwhile loads again."""
    _, gateway, server = front
    os.kill(server.pid, signal.SIGSTOP)
    try:
        browser.wait("document.body?.innerText?.includes('Redis does not answer.')")
        assert gateway.http.get("/ui/queue").status_code == 503
    finally:
        os.kill(server.pid, signal.SIGCONT)
    browser.wait("document.body?.innerText?.includes('Hosts well') && !document.querySelector('[role=alert]')")
    assert gateway.http.get("/ui/queue").status_code == 200


def test_nothing_of_a_name_runs_in_any_view(
    browser: Browser, front: tuple[Service, GatewayProcess, EmbeddedRedis], service: Service
) -> None:
    """A model that is offered, runs and waits, a dead letter, a failed job and an error of a host, all with markup."""
    service.ollama.set_model(ScriptedModel(EVIL_NAME))
    wait_until(lambda: EVIL_NAME in {model.model for model in service.queue.models()})
    service.ollama.script(status=400, body={"error": EVIL})
    with pytest.raises(JobFailed):
        service.queue.generate(EVIL_NAME, "x", metadata={"name": EVIL}).result(30)
    service.redis.xadd(service.keys.inbox(), {"id": EVIL, "kind": EVIL, "request": EVIL})
    wait_until(lambda: bool(service.queue.dead()))
    gate = service.hold(tokens=["a"])
    service.queue.generate(EVIL_NAME, "x")
    service.wait_held(gate)
    service.queue.generate(EVIL_NAME, "x")
    (host,) = service.queue.hosts()
    service.redis.hset(service.keys.host(host.host), mapping={"last_error": EVIL, "last_error_at": "1"})
    shown = {"/ui", "/ui/queue", "/ui/running", "/ui/jobs", "/ui/dead"}
    for path in VIEWS:
        browser.open(f"{front[1].url}{path}")
        browser.wait("!!document.querySelector('h1')")
        assert (path in shown) == ("<img/src=x" in browser.text() or "<script>document" in browser.text()), path
        nothing_ran(browser)
