"""Who is signed in: a cookie, which Redis knows by its SHA-256, and the token that each action needs."""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.caller import LOCAL, Caller
from gateway.access.keys_file import KeysFile, hash_key
from gateway.http.errors import GatewayError
from gateway.queue_access import redis_of
from llamaq.store.script_drivers import unwrap

COOKIE = "llamaq_operator"
LIFETIME_SECONDS = 12 * 3600
_PATH = "/ui"


class SignInNeeded(Exception):
    """There is no session, or its time is over."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in operator.

    Attributes:
        caller: the holder of the key.
        csrf: the token that the forms of the session carry.
        fresh: a cookie to set with the answer; empty where the browser has one.
    """

    caller: Caller
    csrf: str
    fresh: str = ""


async def begin_session(request: Request, key: str) -> tuple[str, Caller] | None:
    """Begin a session for the holder of a key: its cookie, and the holder. None, after a pause, for a wrong key.

    Raises:
        GatewayError: 404: the key is not `admin`; 429: too many wrong keys.
        BrokerUnavailable: Redis did not answer.
    """
    caller: Caller | None = await request.app.state.authenticator.find_holder(key)
    if caller is None:
        return None
    if not caller.admin:
        raise page_not_found()
    token = secrets.token_urlsafe(32)
    async with redis_of(request).verb() as redis:
        command = ["SET", _record_key(request, token), hash_key(key), "EX", str(LIFETIME_SECONDS)]
        unwrap((await redis.execute_all([command]))[0])
    return token, caller


async def end_session(request: Request) -> None:
    """End the session of the request."""
    if token := request.cookies.get(COOKIE):
        async with redis_of(request).verb() as redis:
            unwrap((await redis.execute_all([["DEL", _record_key(request, token)]]))[0])


async def require_operator(request: Request) -> Session:
    """Require the session of a request: a route takes it as `session: Operator`.

    Raises:
        SignInNeeded: there is none.
        GatewayError: 404: the key is not `admin` (any more).
        BrokerUnavailable: Redis did not answer.
    """
    session = await _find_session(request)
    request.state.caller, request.state.session = session.caller, session
    return session


async def read_action_form(request: Request, session: Annotated[Session, Depends(require_operator)]) -> FormData:
    """Read the form of an action, from a page of this session: a route takes it as `form: Action`.

    Raises:
        GatewayError: 403: the request comes from elsewhere.
    """
    check_same_origin(request)
    form = await request.form(max_files=0, max_fields=200)
    if not hmac.compare_digest(str(form.get("csrf", "")).encode(), session.csrf.encode()):
        raise GatewayError(403, "wrong_token", "the form is of another session: load the page again")
    return form


Operator = Annotated[Session, Depends(require_operator)]
Action = Annotated[FormData, Depends(read_action_form)]


def check_same_origin(request: Request) -> None:
    """Refuse a request that a page of another origin has sent.

    Raises:
        GatewayError: 403.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    host = request.headers.get("host", "").lower()
    # Behind a proxy `Host` may lack the port.
    foreign = origin is not None and host not in (urlsplit(origin).netloc.lower(), urlsplit(origin).hostname)
    if foreign or site not in (None, "same-origin", "none"):
        raise GatewayError(403, "wrong_origin", "the request comes from a page of another origin")


def set_cookie(response: Response, token: str, request: Request) -> None:
    """Set the cookie of a session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=LIFETIME_SECONDS,
        path=_PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def delete_cookie(response: Response) -> None:
    """Remove it."""
    response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="strict")


def page_not_found() -> GatewayError:
    """The answer to a key that is not `admin`: the page does not exist for it."""
    return GatewayError(404, "not_found", "there is no such path")


async def _find_session(request: Request) -> Session:
    keys: KeysFile | None = request.app.state.keys
    token = request.cookies.get(COOKIE, "")
    if keys is None:  # whoever reaches the loopback address; the cookie only makes the token
        fresh = "" if token else secrets.token_urlsafe(32)
        return Session(LOCAL, _csrf_token(token or fresh), fresh)
    if request.headers.get("authorization"):
        caller: Caller | None = await request.app.state.authenticator.authenticate(request)
        if caller is not None and not caller.admin:
            raise page_not_found()
    if not token:
        raise SignInNeeded
    async with redis_of(request).query() as redis:
        found = unwrap((await redis.execute_all([["GET", _record_key(request, token)]]))[0])
    holder = keys.find_holder_by_hash(str(found)) if found else None
    if holder is None:
        raise SignInNeeded
    if not holder.admin:
        raise page_not_found()
    return Session(holder, _csrf_token(token))


def _record_key(request: Request, token: str) -> str:
    prefix = redis_of(request).settings.keys.prefix
    return f"{prefix}:gateway:session:{sha256(token.encode()).hexdigest()}"


def _csrf_token(token: str) -> str:
    return hmac.new(token.encode(), b"csrf", "sha256").hexdigest()
