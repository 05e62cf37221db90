"""`run.py generate` writes every generated file; `--check` names the stale ones and writes nothing."""

import sys
from pathlib import Path

from codegen import blocking_client, public_names
from docs import errors, failures, kinds, openapi, schemas, sdk, settings

CHECKOUT = Path(__file__).resolve().parents[1]
COMMAND = "python3 run.py generate"


def texts() -> dict[Path, str]:
    """Every generated file, with the text that it should have."""
    return {
        **blocking_client.files(),
        public_names.STUB: public_names.stub(),
        **{schemas.HERE / name: text for name, text in schemas.all_of_them().items()},
        errors.PAGE: errors.page(),
        failures.PAGE: failures.page(),
        openapi.PAGE: openapi.page(),
        sdk.PAGE: sdk.page(),
        settings.PAGE: settings.page(),
        settings.KNOWN_VARIABLES: settings.known_variables(),
        **kinds.files(),
    }


def main(arguments: list[str]) -> int:
    """Write the files that changed; with `--check`, exit code 1 and a line for each stale one."""
    check = "--check" in arguments
    stale = _written(check=check)
    if stale and not check:
        _written(check=False)  # pages that are made of files that were written just now
    return 1 if check and stale else 0


def _written(*, check: bool) -> bool:
    """Whether a file was stale."""
    stale = {path: text for path, text in texts().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        name = path.relative_to(CHECKOUT)
        if check:
            sys.stderr.write(f"{name} is stale: {COMMAND}\n")
            continue
        path.write_text(text, "utf-8")
        sys.stdout.write(f"{name}\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
