"""Names the variables of the environment that look like settings and are none."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from llamaq.settings.declaration import PREFIX
from llamaq.settings.known_variables import KNOWN_VARIABLES

_MOST_NEAR = 2
# What Kubernetes sets in every pod for a service whose name begins with `llamaq-`.
_OF_A_SERVICE = re.compile(r".+_SERVICE_(HOST|PORT(_\w+)?)|.+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_ADDRESS_OF_A_SERVICE = re.compile(r"(tcp|udp|sctp)://")


def find_unknown(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """Find the variables that begin as settings do and that no program reads, each with the names that resemble it."""
    return {
        name: _similar_names(name.upper())
        for name in sorted(environ)
        if name.upper().startswith(PREFIX)
        and name not in KNOWN_VARIABLES
        and not _is_kubernetes_service(name, environ[name])
    }


def remarks(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each of them, with the remedy."""
    return [
        f"{name} is no setting; " + (f"did you mean {' or '.join(near)}?" if near else "docs/settings.md lists them")
        for name, near in find_unknown(environ).items()
    ]


def _similar_names(name: str) -> list[str]:
    # Compared without the prefix, which would make all names alike.
    stems = [known.removeprefix(PREFIX) for known in KNOWN_VARIABLES]
    return [PREFIX + stem for stem in get_close_matches(name.removeprefix(PREFIX), stems, _MOST_NEAR, 0.75)]


def _is_kubernetes_service(name: str, value: str) -> bool:
    return bool(_OF_A_SERVICE.fullmatch(name) or (name.endswith("_PORT") and _ADDRESS_OF_A_SERVICE.match(value)))
