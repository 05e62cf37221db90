"""Debian's Chromium, without a window, driven over its own DevTools protocol."""

import asyncio
import base64
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

from tornado.websocket import WebSocketClientConnection, websocket_connect

from embedded.child import spawn
from tests.service import wait_until

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# The tests' authority is not the machine's.
FLAGS += ["--ignore-certificate-errors", "--hide-scrollbars", "--window-size=1750,640", "--remote-debugging-port=0"]
STEP_SECONDS = 40.0


class Chromium:
    """The program. Each `Browser` is a window in it that shares nothing with the others."""

    def __init__(self, profile: Path) -> None:
        found = shutil.which("chromium")
        assert found, "the test lacks its mark: needs('chromium')"
        self._log = (profile.parent / f"{profile.name}.log").open("wb")
        command, output = [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"], self._log.fileno()
        self._process = spawn(command, output=output, errors=output, group=True)
        self._address = profile / "DevToolsActivePort"

    def address(self) -> str:
        """Where it takes commands, as soon as it does."""
        wait_until(lambda: self._address.exists() and len(self._address.read_text().split()) == 2)
        port, path = self._address.read_text().split()
        return f"ws://127.0.0.1:{port}{path}"

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RefusedCommand(Exception):
    """Chromium has not done a command."""


class Browser:
    """One tab. `login` is what the user would type when the page asks; without one the question is refused.

    Attributes:
        statuses: of every answer so far, by URL.
    """

    def __init__(self, chromium: Chromium, login: tuple[str, str] | None = None) -> None:
        self.statuses: dict[str, int] = {}
        self._login = login
        self._loop = asyncio.new_event_loop()
        self._number = 0
        self._session = ""
        self._socket: WebSocketClientConnection = self._await(
            partial(websocket_connect, chromium.address(), max_message_size=1 << 28)
        )
        # A context has cookies, a cache and logins of its own.
        self._context = self._call("Target.createBrowserContext")["browserContextId"]
        tab = self._call("Target.createTarget", url="about:blank", browserContextId=self._context)["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        self._call("Page.enable")
        self._call("Network.enable")
        self._call("Fetch.enable", handleAuthRequests=True)

    def open(self, url: str) -> None:
        """Go to a page, and wait until all of it is there."""
        self._call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def wait(self, expression: str) -> None:
        """Wait until the page finds an expression true."""
        self._run(lambda: self._is_true(expression), expression)

    def _is_true(self, expression: str) -> bool:
        try:
            return bool(self.value(expression))
        except RefusedCommand:  # the page was left while it was asked
            return False

    def value(self, expression: str) -> Any:
        """What the page makes of an expression."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def enter(self, selector: str, text: str) -> None:
        """Click into a field, and type."""
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self._call("Input.insertText", text=text)
        # Some pages listen to keys alone.
        self._call("Input.dispatchKeyEvent", type="keyUp", key=text[-1])

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.value("document.body.innerText"))

    def source(self) -> str:
        """The page's whole markup, as it stands."""
        return str(self.value("document.documentElement.outerHTML"))

    def screenshot(self, path: Path) -> None:
        """A picture of the window."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol, for what has no method here."""
        return self._call(method, **parameters)

    def close(self) -> None:
        """Close the tab."""
        self._session = ""
        self._call("Target.disposeBrowserContext", browserContextId=self._context)
        # Inside the loop: tornado asks for the current one when it writes its last word.
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _hang_up(self) -> None:
        self._socket.close()
        await asyncio.sleep(0)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = self._send(method, parameters)
        while True:
            message = self._await(self._socket.read_message)
            assert message is not None, "chromium ended"
            answer = json.loads(message)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RefusedCommand(method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._told(answer.get("method", ""), answer.get("params", {}))

    def _send(self, method: str, parameters: dict[str, Any]) -> int:
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        text = json.dumps({"id": self._number, "method": method, "params": parameters, **session})
        self._await(partial(self._socket.write_message, text))
        return self._number

    def _told(self, event: str, about: dict[str, Any]) -> None:
        if event == "Fetch.requestPaused":
            self._send("Fetch.continueRequest", {"requestId": about["requestId"]})
        elif event == "Fetch.authRequired":
            answer: dict[str, str] = {"response": "CancelAuth"}
            if self._login:
                answer = {"response": "ProvideCredentials", "username": self._login[0], "password": self._login[1]}
            self._send("Fetch.continueWithAuth", {"requestId": about["requestId"], "authChallengeResponse": answer})
        elif event == "Network.responseReceived":
            self.statuses[about["response"]["url"]] = about["response"]["status"]

    def _run(self, true: Callable[[], bool], what: str) -> None:
        async def tick() -> None:
            await asyncio.sleep(0.05)

        for _ in range(int(STEP_SECONDS / 0.05)):
            if true():
                return
            self._loop.run_until_complete(tick())
        raise AssertionError(f"the page never came to {what}:\n{self.text()}")

    def _await(self, begin: Callable[[], Any]) -> Any:
        async def within() -> Any:
            return await asyncio.wait_for(begin(), STEP_SECONDS)

        return self._loop.run_until_complete(within())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
