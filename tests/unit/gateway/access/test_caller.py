"""What a key allows."""

import pytest

from gateway.access.caller import Caller
from gateway.http.errors import GatewayError


@pytest.mark.parametrize(
    ("patterns", "model", "allowed"),
    [
        ((), "any", True),
        (("llama3.2",), "llama3.2", True),
        (("llama3.2",), "llama3.2:1b", True),
        (("LLaMA3.2",), "Llama3.2:1B", True),
        (("llama3.2:1b",), "llama3.2", False),
        (("llama3.2:1b",), "llama3.2:1b", True),
        (("a", "qwen3:*"), "qwen3:0.6b", True),
        (("qwen*",), "qwen3:0.6b", True),
        (("ann/*",), "ann/m", True),
        (("ann/*",), "m", False),
        (("m",), "library/m:latest", True),
        (("m",), "mm", False),
        (("library/m",), "m:7b", True),
        (("https://registry.ollama.ai/library/m:7b",), "m:7b", True),
        (("registry.ollama.ai/ann/m",), "ann/m", True),
        (("m:latest",), "m", True),
        (("m:latest",), "m:7b", False),
        (("library/*",), "m", True),
        (("library/*",), "ann/m", False),
        (("library/*",), "hf.co/ann/m:q4", False),
        (("registry.ollama.ai/*",), "hf.co/ann/m:q4", False),
    ],
)
def test_a_model_is_allowed_by_patterns(patterns: tuple[str, ...], model: str, allowed: bool) -> None:
    """In any letter case; one without a tag is for each tag."""
    assert Caller("k", "t", models=patterns).may_use(model) is allowed


def test_a_tenant_sees_what_is_its_own() -> None:
    """A key that is `admin` sees all; what belongs to nobody is seen by that alone."""
    own, admin = Caller("k", "t"), Caller("k", "t", admin=True)
    assert [own.may_see(tenant) for tenant in ("t", "T", "", None)] == [True, False, False, False]
    assert all(admin.may_see(tenant) for tenant in ("t", "x", "", None))


def test_only_an_admin_may_name_another_tenant() -> None:
    """403, with the field."""
    Caller("k", "t").check_tenant(None)
    Caller("k", "t").check_tenant("t")
    Caller("k", "t", admin=True).check_tenant("x")
    for named in ("x", ""):
        with pytest.raises(GatewayError) as refused:
            Caller("k", "t").check_tenant(named)
        assert (refused.value.status, refused.value.code, refused.value.param) == (403, "tenant_not_allowed", "tenant")
