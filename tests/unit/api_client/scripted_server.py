"""An HTTP server on raw sockets that does what a test's script says, byte by byte, and notes what it saw."""

import contextlib
import json
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

# No test waits this long unless it fails.
PATIENCE_SECONDS = 30.0

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
END_MARK = b"0\r\n\r\n"


def chunked(fields: dict[str, Any]) -> bytes:
    """One line of a stream, as a chunk of its own."""
    line = json.dumps(fields).encode() + b"\n"
    return b"%x\r\n%s\r\n" % (len(line), line)


class Visit:
    """One request as the server saw it, and the means to answer it."""

    def __init__(self, sock: socket.socket, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.body = body
        self.gone = threading.Event()
        self._sock = sock

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def head(self, status: int = 200, *headers: tuple[str, str], reason: str = "Scripted") -> None:
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def answer(self, status: int, body: bytes | str | dict[str, Any], *headers: tuple[str, str]) -> None:
        if isinstance(body, dict):
            body = json.dumps(body)
        data = body.encode() if isinstance(body, str) else body
        self.head(status, ("Content-Length", str(len(data))), *headers)
        self.send(data)

    def begin_stream(self) -> None:
        self.send(STREAM_HEAD)

    def begin_with(self, fields: dict[str, Any]) -> None:
        """The headers and the first line at once: no silence can be measured between them."""
        self.send(STREAM_HEAD + chunked(fields))

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def line(self, **fields: Any) -> None:
        self.send(chunked(fields))

    def end_stream(self) -> None:
        self.send(END_MARK)

    def stream(self, lines: Sequence[dict[str, Any]]) -> None:
        """The last line and the end mark are sent at once: the client waits only briefly between them."""
        self.begin_stream()
        for fields in lines[:-1]:
            self.line(**fields)
        self.send(chunked(lines[-1]) + END_MARK)

    def cut(self) -> None:
        """Closes the connection from the server's side."""
        self._sock.shutdown(socket.SHUT_RDWR)

    def wait_until_gone(self) -> None:
        """Returns when the client has closed the connection, which also sets `gone`."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while self._sock.recv(65536):
                pass
        self.gone.set()


Script = Callable[[Visit], None]


class ScriptedServer:
    """Serves request number n by script number n, and all later ones by the last."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, accept: bool = True) -> None:
        self.visits: list[Visit] = []
        self.arrivals: queue.Queue[Visit] = queue.Queue()
        self.connections = 0
        self._scripts = scripts
        self._tls = tls
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        if accept:
            self._spawn(self._accept)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def next_visit(self) -> Visit:
        return self.arrivals.get(timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _shut(self._listener)
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            _shut(sock)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a script of the server did not end"
        for sock in sockets:
            sock.close()
        self._listener.close()

    def _spawn(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed when the test ends
            while True:
                sock, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                    self._sockets.append(sock)
                self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client, or the end of the test, closed the connection
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._sockets.append(sock)
            pending = b""
            while (visit_and_rest := _read_request(sock, pending)) is not None:
                visit, pending = visit_and_rest
                self._script_for(visit)(visit)
        _shut(sock)
        sock.close()

    def _script_for(self, visit: Visit) -> Script:
        with self._lock:
            self.visits.append(visit)
            script = self._scripts[min(len(self.visits), len(self._scripts)) - 1]
        self.arrivals.put(visit)
        return script


def _read_request(sock: socket.socket, data: bytes) -> tuple[Visit, bytes] | None:
    while b"\r\n\r\n" not in data:
        if not (piece := sock.recv(65536)):
            return None
        data += piece
    head, _, data = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    body = bytearray(data)
    while len(body) < length:
        if not (piece := sock.recv(1 << 20)):
            return None
        body += piece
    return Visit(sock, head, bytes(body[:length])), bytes(body[length:])


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
