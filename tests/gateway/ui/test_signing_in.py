"""Who may see the page, and from where actions may come."""

import httpx
import pytest

from tests.gateway.ui.conftest import Operator
from tests.gateway_process import GatewayProcess
from tests.service import Service

PATHS = ("/ui", "/ui/queue", "/ui/running", "/ui/jobs", "/ui/dead", "/ui/charts", "/ui/live", "/ui/jobs/x")


@pytest.mark.parametrize("path", PATHS)
def test_without_a_session_there_is_only_the_form(front: GatewayProcess, path: str) -> None:
    """Each page leads to it."""
    answer = front.http.get(path)

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/sign-in")


def test_a_key_that_is_not_admin_gets_404(front: GatewayProcess) -> None:
    """By the form, and by the header of the API."""
    assert Operator(front.url).sign_in("key-of-alice").status_code == 404
    for path in PATHS:
        assert front.http.get(path, headers={"Authorization": "Bearer key-of-alice"}).status_code == 404


def test_a_wrong_key_is_refused(front: GatewayProcess) -> None:
    """With no cookie."""
    answer = Operator(front.url).sign_in("wrong")

    assert answer.status_code == 401
    assert "There is no such key." in answer.text
    assert "set-cookie" not in answer.headers


def test_the_cookie_is_for_the_page_alone(front: GatewayProcess) -> None:
    """No script reads it, no other site sends it, and it has a lifetime."""
    cookie = Operator(front.url).sign_in().headers["set-cookie"]

    assert {"HttpOnly", "SameSite=strict", "Path=/ui", "Max-Age=43200"} <= set(cookie.split("; "))


def test_signing_out_ends_the_session(operator: Operator) -> None:
    """Also for one who has kept the cookie."""
    cookies = httpx.Cookies(operator.http.cookies)
    operator.act("/ui/sign-out")

    answer = httpx.get(f"{operator.http.base_url}/ui", cookies=cookies, timeout=60)

    assert answer.status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_an_action_from_another_origin_is_refused(operator: Operator, headers: dict[str, str]) -> None:
    """Even with the right token."""
    answer = operator.http.post("/ui/do/pause?host=x", data={"csrf": operator.read_token()}, headers=headers)

    assert answer.status_code == 403


def test_an_action_without_the_token_is_refused(operator: Operator, front: GatewayProcess) -> None:
    """As with that of another session."""
    other = Operator(front.url)
    other.sign_in()

    for data in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": other.read_token()}):
        assert operator.http.post("/ui/do/pause?host=x", data=data).status_code == 403


def test_without_keys_the_local_user_is_an_operator(gateway: GatewayProcess, service: Service) -> None:
    """An action needs the token of the page there too."""
    local = Operator(gateway.url)

    assert "Fleet" in local.read_page("/ui")
    assert local.http.post("/ui/do/pause?host=x", data={}).status_code == 403
    assert local.act("/ui/do/pause?host=nowhere").status_code == 400


def test_each_answer_forbids_foreign_content(operator: Operator, front: GatewayProcess) -> None:
    """Pages, the form for the key, and errors."""
    answers = [operator.http.get(path) for path in ("/ui", "/ui/jobs", "/ui/jobs/none", "/ui/jobs?kind=none")]
    for answer in [*answers, front.http.get("/ui/sign-in")]:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
