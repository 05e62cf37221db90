"""The session of requests: pooled and retrying, without proxy variables, netrc and cookies."""

from http.cookiejar import DefaultCookiePolicy
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse

from api_client.connection import AbortablePool, AbortableTLSPool
from api_client.retry import RetryPolicy

# Beside one connection per slot: a probe of the host, and a status request.
SPARE_CONNECTIONS = 2


class DirectSession(Session):
    """A session of one server, which does not look for hooks, proxies, redirects and cookies.

    requests reads the whole body of a redirect and parses its `Location` even if it is not to follow it. A host could
    send either without end, or so that it raises any exception.
    """

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        """Send it by the adapter."""
        adapter = self.get_adapter(url=request.url or "")
        return adapter.send(request, verify=self.verify or True, **options)


class AbortableAdapter(HTTPAdapter):
    """An adapter of requests for one server, whose connections another thread can abort."""

    def init_poolmanager(self, *args: Any, **kw: Any) -> None:
        """Sets the class of the pools for each scheme."""
        super().init_poolmanager(*args, **kw)
        self.poolmanager.pool_classes_by_scheme = {"http": AbortablePool, "https": AbortableTLSPool}
        self._pool: Any = None

    def get_connection_with_tls_context(self, *args: Any, **kw: Any) -> Any:
        """The pool, which requests looks up anew for each request."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **kw)
        return self._pool

    def build_response(self, req: PreparedRequest, resp: BaseHTTPResponse) -> Response:
        """The response, without a look at its cookies and its encoding."""
        response = Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        response.request = req
        return response


def new_session(slots: int, policy: RetryPolicy, *, token: str | None, ca_file: str | None) -> Session:
    """A session that threads may share.

    Args:
        slots: Requests at a time. So many connections are kept, and `SPARE_CONNECTIONS` more.
        policy: Retries within one call, for http and https alike.
        token: Sent as a bearer token.
        ca_file: PEM file of the authorities to trust instead of the usual ones.
    """
    session = DirectSession()
    session.trust_env = False  # the host is named explicitly; HTTP_PROXY and netrc are for other servers
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # all threads would share the cookies
    session.verify = ca_file or True
    # A compressing proxy would delay tokens until a block is full.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "llamaq"})
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    adapter = AbortableAdapter(
        pool_connections=1, pool_maxsize=slots + SPARE_CONNECTIONS, max_retries=policy, pool_block=False
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session
