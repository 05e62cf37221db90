"""The caller: the holder of a key, and what the key allows."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from gateway.http.errors import GatewayError
from llamaq.vocabulary.kinds.request import Lane
from llamaq.vocabulary.models import matches_pattern


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key.

    Attributes:
        name: of the key.
        tenant: whose jobs it submits, sees and cancels.
        highest_lane: the highest lane that it may ask for.
        most_waiting: jobs of its tenant that may wait; None sets no limit.
        requests_a_minute: over all processes; None sets no limit.
        models: patterns of the models that it may use; none allows all.
        admin: whether it sees and cancels the jobs of all tenants, and may name a tenant.
    """

    name: str
    tenant: str
    highest_lane: Lane = "interactive"
    most_waiting: int | None = None
    requests_a_minute: int | None = None
    models: tuple[str, ...] = ()
    admin: bool = False

    def may_see(self, tenant: str | None) -> bool:
        """Whether what belongs to a tenant exists for it."""
        return self.admin or tenant == self.tenant

    def check_tenant(self, named: str | None) -> None:
        """Refuse a request that names the tenant of others; None names none.

        Raises:
            GatewayError: 403: the key is for another tenant.
        """
        if named is not None and not self.may_see(named):
            raise GatewayError(403, "tenant_not_allowed", "your key is for another tenant", param="tenant")

    def may_use(self, model: str) -> bool:
        """Whether it may use a model; a pattern without a tag is for each tag."""
        return not self.models or any(matches_pattern(model, pattern, any_tag=True) for pattern in self.models)


LOCAL = Caller("local", "default", admin=True)
"""Without a file of keys: whoever reaches the loopback address."""


async def authenticate_caller(request: Request) -> Caller:
    """Authenticate the holder of the request's key: a route takes it as an argument of the type `CurrentCaller`.

    Raises:
        GatewayError: 401 without a valid key; 429 where it has made too many requests in this minute.
    """
    authenticator = request.app.state.authenticator
    found: Caller | None = await authenticator.authenticate(request)
    if found is None:
        raise GatewayError(401, "invalid_api_key", "no valid key: send `Authorization: Bearer <key>`")
    request.state.caller = found
    return found


CurrentCaller = Annotated[Caller, Depends(authenticate_caller)]
"""The type of a route's argument that is the caller; without a valid key the route is not called."""
