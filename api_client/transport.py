"""The session of requests: pooled and retrying, without proxy variables, netrc and cookies."""

from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple, cast

from requests import PreparedRequest, Request, Session
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout

from api_client.connection import AbortablePool, AbortableTLSPool
from api_client.retry import RetryPolicy

# Beside one connection per slot: a probe of the host, and a status request.
SPARE_CONNECTIONS = 2


class Prepared(NamedTuple):
    """A request as it is sent, but for the length of its body. `target` is the path, as in its first line."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None = None


class DirectSession(Session):
    """A session of one server. It sends by urllib3, and so does not look for hooks, proxies, redirects and cookies.

    requests reads the whole body of a redirect and parses its `Location` even if it is not to follow it. A host could
    send either without end, or so that it raises any exception. It also looks up the server's pool, the certificates
    and the path anew for each request.
    """

    def __init__(self, adapter: HTTPAdapter) -> None:
        """Send by this adapter's pools."""
        super().__init__()
        self.mount("http://", adapter)
        self.mount("https://", adapter)
        self._adapter = adapter
        self._known: PreparedRequest
        self._pool: Any = None

    def prepare(self, method: str, url: str) -> Prepared:
        """Prepare a request that has no body yet. That of a POST will be JSON."""
        kind = {"Content-Type": "application/json"} if method == "POST" else {}
        self._known = request = self.prepare_request(Request(method, url, kind))
        headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        return Prepared(method, self._adapter.request_url(request, {}), headers)

    def open(self, request: Prepared, connect: float | None, read: float | None) -> BaseHTTPResponse:
        """Send it, and wait for the headers of the answer. The errors are urllib3's; the seconds limit its steps."""
        return self._open_pool().urlopen(
            request.method,
            request.target,
            request.body,
            request.headers,
            self._adapter.max_retries,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(connect=connect, read=read),
            preload_content=False,
            decode_content=False,
        )

    def _open_pool(self) -> HTTPConnectionPool:
        if self._pool is None:
            verify = self.verify or True
            adapter: Any = self._adapter  # a part of it has no types
            pool = adapter.get_connection_with_tls_context(self._known, verify)
            adapter.cert_verify(pool, self._known.url, verify, None)
            self._pool = pool
        return cast("HTTPConnectionPool", self._pool)


class AbortableAdapter(HTTPAdapter):
    """An adapter of requests for one server, whose connections another thread can abort."""

    def init_poolmanager(self, *args: Any, **kw: Any) -> None:
        """Set the class of the pools for each scheme."""
        super().init_poolmanager(*args, **kw)
        self.poolmanager.pool_classes_by_scheme = {"http": AbortablePool, "https": AbortableTLSPool}


def new_session(slots: int, policy: RetryPolicy, *, authorization: str | None, ca_file: str | None) -> DirectSession:
    """Make a session that threads may share.

    Args:
        slots: Requests at a time. So many connections are kept, and `SPARE_CONNECTIONS` more.
        policy: Retries within one call, for http and https alike.
        authorization: The header of this name.
        ca_file: PEM file of the authorities to trust instead of the usual ones.
    """
    session = DirectSession(
        AbortableAdapter(
            pool_connections=1, pool_maxsize=slots + SPARE_CONNECTIONS, max_retries=policy, pool_block=False
        )
    )
    session.trust_env = False  # the host is named explicitly; HTTP_PROXY and netrc are for other servers
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # all threads would share the cookies
    session.verify = ca_file or True
    # A compressing proxy would delay tokens until a block is full.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "llamaq"})
    if authorization:
        session.headers["Authorization"] = authorization
    return session
