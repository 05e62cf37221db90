"""The session: pooled and retrying; it ignores proxy variables, netrc, cookies and redirects."""

from http.cookiejar import DefaultCookiePolicy
from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter

from api_client.connection import WatchedPool, WatchedTLSPool
from api_client.retry import RetryPolicy

# Beside one connection per slot: a probe of the host, and a status request.
SPARE_CONNECTIONS = 2


class WatchedAdapter(HTTPAdapter):
    """requests' adapter over pools whose connections can be shut down from another thread."""

    def init_poolmanager(self, *args: Any, **kw: Any) -> None:
        """Sets the kind of pool per scheme, as urllib3 provides for."""
        super().init_poolmanager(*args, **kw)
        self.poolmanager.pool_classes_by_scheme = {"http": WatchedPool, "https": WatchedTLSPool}


def new_session(slots: int, policy: RetryPolicy, *, token: str | None, ca_file: str | None) -> Session:
    """A session that threads may share.

    Args:
        slots: Requests at a time; as many connections are kept, and two more.
        policy: Retries within one call, for http and https alike.
        token: Sent as a bearer token.
        ca_file: PEM file of the authorities to trust instead of the usual ones.
    """
    session = Session()
    session.trust_env = False  # the host is named explicitly; HTTP_PROXY and netrc are for other servers
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # else threads would share the jar
    session.verify = ca_file or True
    # Tokens are sent one by one; a compressing proxy would hold them back to fill its blocks.
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "llamaq"})
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    adapter = WatchedAdapter(
        pool_connections=1, pool_maxsize=slots + SPARE_CONNECTIONS, max_retries=policy, pool_block=False
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session
