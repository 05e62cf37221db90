"""The token goes to the host that was named, and nowhere else: no message, no redirect, no proxy."""

import base64
import traceback
from typing import Any

import pytest

from api_client import OllamaClient, OllamaError, OllamaStatusError, RunnerDied
from tests.unit.api_client.scripted_server import Script, ScriptedServer, Visit

TOKEN = "secret-token-4711"


def quotes_it(status: int) -> Script:
    """A proxy that quotes the request it refuses."""
    return lambda visit: visit.answer(status, {"error": f"bad credentials: {visit.headers['authorization']}"})


def dies(visit: Visit) -> None:
    visit.stream([{"error": f"an error was encountered while running the model: {visit.headers['authorization']}"}])


def cut(visit: Visit) -> None:
    visit.cut()


def quotes_it_as_a_size(visit: Visit) -> None:
    visit.begin_stream()
    visit.send(f"{visit.headers['authorization']}\r\n".encode())


def garbage(visit: Visit) -> None:
    visit.answer(200, "<html>\n")


def test_the_token_is_sent() -> None:
    """Every request carries the bearer token; a newline from a secrets file is dropped."""
    with ScriptedServer(lambda visit: visit.answer(200, {"version": "1"})) as server:
        with OllamaClient(server.url, token=TOKEN + "\n") as client:
            client.version()
        with OllamaClient(server.url) as client:
            client.version()
    assert [visit.headers.get("authorization") for visit in server.visits] == [f"Bearer {TOKEN}", None]


@pytest.mark.parametrize(
    "script", [quotes_it(401), quotes_it(403), quotes_it(400), quotes_it(503), quotes_it(302), dies, cut, garbage]
)
def test_no_error_shows_the_token(script: Script) -> None:
    """Neither message nor repr nor the whole traceback of any failure holds the token."""
    with ScriptedServer(script) as server, OllamaClient(server.url, token=TOKEN, backoff_seconds=0) as client:
        for call in (lambda: list(client.chat({})), client.embed({}).result, client.version):
            with pytest.raises(OllamaError) as caught:
                call()
            shown = [caught.value.message, str(caught.value), repr(caught.value), repr(client)]
            assert TOKEN not in "".join([*shown, *traceback.format_exception(caught.value)])


def says_it(visit: Visit) -> None:
    sent = visit.headers["authorization"]
    visit.answer(200, f"{base64.b64decode(sent.split()[1]).decode()} is not {sent}\n")


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        (f"ann:{TOKEN}", f"ann:{TOKEN}"),
        ("%C3%A9%40:p%40ss%2Fword", "é@:p@ss/word"),
        (TOKEN, f"{TOKEN}:"),
        (f":{TOKEN}", f":{TOKEN}"),
    ],
)
@pytest.mark.parametrize("script", [quotes_it(401), quotes_it_as_a_size, says_it])
def test_the_password_in_a_url_is_sent_and_not_shown(script: Script, user: str, sent: str) -> None:
    """User name and password become basic authentication; in no form are they a part of any message."""
    with ScriptedServer(script) as server:
        url = server.url.replace("://", f"://{user}@")
        with OllamaClient(url) as client, pytest.raises(OllamaError) as caught:
            client.version()
        kind, _, credentials = server.visits[0].headers["authorization"].partition(" ")
        assert (kind, base64.b64decode(credentials).decode()) == ("Basic", sent)
        shown = f"{caught.value} {getattr(caught.value, 'said', '')} {client!r} {client.address}"
        name, _, password = sent.partition(":")
        assert credentials not in shown
        assert (password or name) not in shown


@pytest.mark.parametrize("token", ["a\nb", "clé", "a\x00b"])
def test_a_token_that_cannot_be_sent_is_not_quoted(token: str) -> None:
    """A malformed token is refused at once, by a message that does not hold it."""
    with pytest.raises(ValueError, match="the token holds characters") as caught:
        OllamaClient("http://127.0.0.1:1", token=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize("url", ["127.0.0.1:11434", "ftp://h", "http://", "http://h?x=1", "http://h#x"])
def test_a_malformed_url_is_refused_at_once(url: str) -> None:
    """The error comes where the setting is read, not with the first job."""
    with pytest.raises(ValueError, match="URL"):
        OllamaClient(url)


def test_a_token_and_a_user_name_exclude_each_other() -> None:
    """One header cannot hold both, so the choice is not made silently."""
    with pytest.raises(ValueError, match="not both"):
        OllamaClient("http://ann:pw@127.0.0.1:1", token=TOKEN)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is an error: following it could take the token elsewhere, and turns a POST into a GET."""
    with ScriptedServer(lambda visit: visit.answer(200, {})) as elsewhere:

        def away(visit: Visit) -> None:
            visit.answer(status, "Moved", ("Location", f"{elsewhere.url}/api/chat"))

        with ScriptedServer(away) as server, OllamaClient(server.url, token=TOKEN) as client:
            with pytest.raises(OllamaStatusError, match="redirects are not followed") as caught:
                list(client.chat({}))
            assert (caught.value.status, type(caught.value)) == (status, OllamaStatusError)
            assert len(server.visits) == 1
        assert elsewhere.connections == 0


def test_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A proxy variable or a netrc file is about other servers."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password pw\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with ScriptedServer(lambda visit: visit.answer(200, {"version": "1"})) as server:
        with OllamaClient(server.url) as client:
            assert client.version() == "1"
        assert "authorization" not in server.visits[0].headers


def test_cookies_are_not_kept() -> None:
    """Threads share the session, and nothing a server sets may travel from one job to the next."""

    def sets_a_cookie(visit: Visit) -> None:
        visit.answer(200, {"version": "1"}, ("Set-Cookie", "a=b; Path=/"))

    with ScriptedServer(sets_a_cookie) as server, OllamaClient(server.url) as client:
        client.version()
        client.version()
    assert "cookie" not in server.visits[1].headers


def test_a_path_in_the_url_is_kept() -> None:
    """A proxy may serve Ollama below a path."""
    with ScriptedServer(lambda visit: visit.answer(200, {"version": "1"})) as server:
        with OllamaClient(server.url + "/ollama/") as client:
            client.version()
        assert server.visits[0].path == "/ollama/api/version"


def test_the_scrubbed_error_keeps_its_type() -> None:
    """Taking the token out of a message changes nothing else."""
    with (
        ScriptedServer(dies) as server,
        OllamaClient(server.url, token=TOKEN) as client,
        pytest.raises(RunnerDied, match=r"running the model: Bearer \[token\]"),
    ):
        list(client.chat({}))
