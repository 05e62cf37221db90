"""A gateway whose operators sign in, and what they would click."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access.caller import Caller
from gateway.access.keys_file import Entry, hash_key, render_line
from tests.gateway_process import GatewayProcess
from tests.service import Service

CALLERS = (Caller("olga", "ops", admin=True), Caller("alice", "acme"))
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Operator:
    """A browser without JavaScript.

    Attributes:
        http: the client, with its cookies.
    """

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)

    def sign_in(self, key: str = "key-of-olga") -> httpx.Response:
        """Send the form with a key."""
        return self.http.post("/ui/sign-in", data={"key": key})

    def read_page(self, path: str) -> str:
        """A page that is there."""
        answer = self.http.get(path, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.text

    def read_token(self) -> str:
        """What the forms of the session carry."""
        found = _TOKEN.search(self.read_page("/ui/dead"))
        assert found
        return found[1]

    def act(self, path: str, **form: Any) -> httpx.Response:
        """Press a button; the answer is the page behind it."""
        return self.http.post(path, data={"csrf": self.read_token(), **form}, follow_redirects=True)


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of `CALLERS`."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("".join(render_line(Entry(hash_key(f"key-of-{caller.name}"), caller)) for caller in CALLERS))
    return path


@pytest.fixture(scope="module")
def front(shared_front: tuple[Service, GatewayProcess], keys_file: Path) -> Iterator[GatewayProcess]:
    """A gateway with keys before the shared service, which may show texts."""
    service, _ = shared_front
    given = {"gateway_keys_file": keys_file, "gateway_show_content": 1}
    with GatewayProcess(service.url, prefix=service.prefix, **given) as gateway:
        yield gateway


@pytest.fixture
def operator(front: GatewayProcess, service: Service) -> Iterator[Operator]:
    """One who is signed in."""
    made = Operator(front.url)
    assert made.sign_in().status_code == 303
    yield made
    made.http.close()
