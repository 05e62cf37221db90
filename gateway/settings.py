"""The settings of the gateway, beside those of a producer and of every process."""

import re

from pydantic import field_validator

from llamaq.settings.declaration import MOST_COUNT, setting
from llamaq.settings.lists import parse_list
from llamaq.settings.process import ProcessVariables

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#,*]+")


class GatewayVariables(ProcessVariables):
    """Each field is the variable `LLAMAQ_<NAME>`.

    Raises:
        pydantic.ValidationError: a value is wrong.
    """

    gateway_host: str = setting(
        "127.0.0.1", "address on which the gateway listens; other than loopback only with keys", values="an address"
    )
    gateway_port: int = setting(
        11_435, "port of the gateway, one above Ollama's; 0 takes a free one", least=0, most=65_535
    )
    gateway_processes: int = setting(1, "processes that share the port", least=1, most=256)
    gateway_keys_file: str = setting(
        "", "file with the keys of the gateway's users; see [HTTP](http.md#keys)", values="a path"
    )
    gateway_hosts: str = setting(
        "",
        "names that the header `Host` may have, without the port; by default any with keys, and without keys those of "
        "this machine and of its local network",
        values="names and patterns such as `llm.example.com,*.internal`",
    )
    gateway_origins: str = setting(
        "",
        "origins whose pages may call the gateway from a browser (CORS); none by default",
        values="a list such as `https://app.example.com`, or `*`",
    )
    gateway_max_body_bytes: int = setting(67_108_864, "bytes of the body of one request", least=1024, most=2**31)
    gateway_max_file_bytes: int = setting(
        268_435_456,
        "bytes of all files of one tenant together, and of the results of one batch; one upload is bounded by "
        "`LLAMAQ_GATEWAY_MAX_BODY_BYTES`",
        least=1024,
        most=2**40,
    )
    gateway_batch_in_flight: int = setting(
        64, "lines of batches that one gateway process has in the queue at a time", least=1, most=10_000
    )
    gateway_head_seconds: float = setting(
        10, "seconds for the head of a request, and for a pause within its body", above=0, most=3600
    )
    gateway_idle_seconds: int = setting(
        75, "seconds for which a connection is kept open between two requests", least=1, most=MOST_COUNT
    )
    gateway_show_content: int = setting(
        0,
        "1: operators may look at the texts of a job on the page under `/ui`; each look is logged, with the key's name",
        least=0,
        most=1,
    )

    @field_validator("gateway_hosts")
    @classmethod
    def _check_names(cls, text: str) -> str:
        for name in parse_list(text):
            if "/" in name or name.count(":") == 1 or name.startswith("["):
                raise ValueError(f"{name[:80]!r} is no name: write it without a scheme, a port and brackets")
        return text

    @field_validator("gateway_origins")
    @classmethod
    def _check_origins(cls, text: str) -> str:
        for origin in parse_list(text):
            if origin not in ("*", "null") and not _ORIGIN.fullmatch(origin):
                form = "write https://app.example.com, without a path or a pattern"
                raise ValueError(f"{origin[:80]!r} is no origin: {form}")
        return text

    @property
    def host_names(self) -> tuple[str, ...]:
        """The patterns of `gateway_hosts`."""
        return tuple(parse_list(self.gateway_hosts.lower()))

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of `gateway_origins`, as browsers write them."""
        return tuple(parse_list(self.gateway_origins.lower()))
