"""The weights of tenants (`LLAMAQ_TENANT_WEIGHTS="acme=3,free=1"`). A tenant that is not listed has weight 1."""

import math
import re
from collections.abc import Mapping

from llamaq.settings.numerals import is_numeral
from llamaq.vocabulary.errors import InvalidRequest

LEAST, MOST = 0.001, 1000
_TENANT = re.compile(r"[A-Za-z0-9._@-]{1,128}")


def parse_weights(text: str) -> Mapping[str, float]:
    """Parse the weight of each tenant.

    Raises:
        ValueError: it is not a list of `tenant=number`, each number from 0.001 to 1000, or a tenant has two.
    """
    found: dict[str, float] = {}
    for tenant, weight in map(_parse_weight, filter(None, map(str.strip, text.split(",")))):
        if tenant in found:
            raise ValueError(f"{tenant!r} has two weights")
        found[tenant] = weight
    return found


def check_weights(given: Mapping[str, float]) -> None:
    """Refuse weights that the scheduler cannot divide by.

    Raises:
        InvalidRequest: one is not a number from 0.001 to 1000, or of no tenant.
    """
    for tenant, weight in given.items():
        if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
            raise InvalidRequest.of("tenant_weights", f"no tenant is called {str(tenant)[:80]!r}")
        if not isinstance(weight, int | float) or not LEAST <= weight <= MOST:
            raise InvalidRequest.of(
                "tenant_weights", f"{tenant[:80]!r} has {weight!r}, not a number from {LEAST} to {MOST}"
            )


def _parse_weight(part: str) -> tuple[str, float]:
    tenant, _, number = part.partition("=")
    weight = float(number) if is_numeral(number) else math.nan
    if not _TENANT.fullmatch(tenant.strip()) or not LEAST <= weight <= MOST:
        raise ValueError(f"{part[:80]!r} is not tenant=number, with a number from {LEAST} to {MOST}")
    return tenant.strip(), weight
