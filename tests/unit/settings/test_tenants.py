"""LLAMAQ_TENANT_WEIGHTS."""

import math
from typing import Any

import pytest

from llamaq import InvalidRequest
from llamaq.settings.environment import read
from llamaq.settings.producer import Settings
from llamaq.settings.tenants import parse_weights


def test_weights_are_read() -> None:
    """A list of tenant=number; blanks and empty places do not matter."""
    assert parse_weights("acme=3, free=0.5,") == {"acme": 3.0, "free": 0.5}
    assert parse_weights("") == {}
    assert read({"LLAMAQ_MAX_QUEUED_PER_TENANT": "0"})[1].max_queued_per_tenant == 0
    _, settings = read({"LLAMAQ_TENANT_WEIGHTS": "a@b.c=2", "LLAMAQ_MAX_QUEUED_PER_TENANT": "7"})
    assert (dict(settings.tenant_weights), settings.max_queued_per_tenant) == ({"a@b.c": 2.0}, 7)


@pytest.mark.parametrize(
    "text", ["acme", "acme=", "acme=0", "acme=-1", "acme=nan", "acme=inf", "acme=1_0", "=3", "a b=1", "a=1;b=2"]
)
def test_what_is_no_weight_is_named(text: str) -> None:
    """The variable and the part that is wrong."""
    with pytest.raises(InvalidRequest, match=r"LLAMAQ_TENANT_WEIGHTS: .* is not tenant=number"):
        read({"LLAMAQ_TENANT_WEIGHTS": text})


def test_a_tenant_has_one_weight() -> None:
    """Which of two is meant cannot be known; blanks make no other tenant of it."""
    with pytest.raises(InvalidRequest, match="LLAMAQ_TENANT_WEIGHTS: 'acme' has two weights"):
        read({"LLAMAQ_TENANT_WEIGHTS": "acme=1, free=1, acme =2"})


@pytest.mark.parametrize("weight", [0, -1, math.nan, math.inf, 1e-9, "3", None])
def test_a_weight_in_the_program_is_checked_too(weight: Any) -> None:
    """Settings that are made by hand: 0 would be divided by, for everybody in the line."""
    with pytest.raises(InvalidRequest, match="tenant_weights: 'acme' has"):
        Settings(tenant_weights={"acme": weight})


@pytest.mark.parametrize("tenant", [1, "a b", "", None])
def test_a_weight_of_no_tenant_is_refused(tenant: Any) -> None:
    """No job would have it."""
    with pytest.raises(InvalidRequest, match="tenant_weights: no tenant is called"):
        Settings(tenant_weights={tenant: 2})
