"""The gateway's settings that are lists: a member that nothing can match is refused."""

import pytest

from gateway.settings import GatewayVariables
from llamaq.settings.lists import parse_list


def test_lists_are_read() -> None:
    """Blanks around the members and empty places do not matter, and browsers write origins in small letters."""
    settings = GatewayVariables(
        gateway_hosts=" LLM.example.com,*.internal,,::1, ", gateway_origins="https://App.example.com, http://x:8080"
    )

    assert settings.host_names == ("llm.example.com", "*.internal", "::1")
    assert settings.origins == ("https://app.example.com", "http://x:8080")
    assert GatewayVariables(gateway_origins="*,null").origins == ("*", "null")
    assert parse_list("") == []


@pytest.mark.parametrize("text", [",", " , ", " ", "a.example b.example"])
@pytest.mark.parametrize("name", ["gateway_hosts", "gateway_origins"])
def test_a_list_has_members(name: str, text: str) -> None:
    """Without a member, any name would be taken; with blanks in one, none."""
    with pytest.raises(ValueError, match=r"has no member|has a blank in it"):
        GatewayVariables(**{name: text})


@pytest.mark.parametrize("text", ["llm.example:443", "https://llm.example", "[::1]", "llm.example/"])
def test_a_host_is_a_name(text: str) -> None:
    """The header is compared without its port and its brackets."""
    with pytest.raises(ValueError, match="is no name: write it without a scheme, a port and brackets"):
        GatewayVariables(gateway_hosts=text)


@pytest.mark.parametrize(
    "text", ["app.example", "https://app.example/", "https://app.example/x", "https://*.example", "https://"]
)
def test_an_origin_is_one_as_browsers_write_it(text: str) -> None:
    """No browser sends another one."""
    with pytest.raises(ValueError, match=r"is no origin: write https://app.example.com"):
        GatewayVariables(gateway_origins=text)
