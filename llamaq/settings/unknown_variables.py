"""Names the variables of the environment that look like settings and are none."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from llamaq.settings.declaration import PREFIX
from llamaq.settings.names import NAMES

_MOST_NEAR = 2
# What Kubernetes sets in every pod for a service whose name begins with `llamaq-`.
_OF_A_SERVICE = re.compile(r".+_SERVICE_(HOST|PORT(_\w+)?)|.+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_ADDRESS_OF_A_SERVICE = re.compile(r"(tcp|udp|sctp)://")


def unknown(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The variables that begin as settings do and that no program reads, each with the names that resemble it."""
    return {
        name: _near(name.upper())
        for name in sorted(environ)
        if name.upper().startswith(PREFIX) and name not in NAMES and not _is_of_a_service(name, environ[name])
    }


def remarks(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each of them, with the remedy."""
    return [
        f"{name} is no setting; " + (f"did you mean {' or '.join(near)}?" if near else "docs/settings.md lists them")
        for name, near in unknown(environ).items()
    ]


def _near(name: str) -> list[str]:
    # Compared without the prefix, which would make all names alike.
    stems = [known.removeprefix(PREFIX) for known in NAMES]
    return [PREFIX + stem for stem in get_close_matches(name.removeprefix(PREFIX), stems, _MOST_NEAR, 0.75)]


def _is_of_a_service(name: str, value: str) -> bool:
    return bool(_OF_A_SERVICE.fullmatch(name) or (name.endswith("_PORT") and _ADDRESS_OF_A_SERVICE.match(value)))
