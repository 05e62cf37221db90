"""`run.py generate` writes every generated file; `--check` names the stale ones and writes nothing."""

import sys
from pathlib import Path

from codegen import blocking_client, public_names
from docs import errors, failures, kinds, openapi, schemas, sdk, settings

CHECKOUT = Path(__file__).resolve().parents[1]
COMMAND = "python3 run.py generate"


def generate_all() -> dict[Path, str]:
    """Generate every file, with the text that it should have."""
    return {
        **blocking_client.generate_files(),
        public_names.STUB: public_names.generate_stub(),
        **{schemas.HERE / name: text for name, text in schemas.render_files().items()},
        errors.PAGE: errors.render_page(),
        failures.PAGE: failures.render_page(),
        openapi.PAGE: openapi.render_page(),
        sdk.PAGE: sdk.render_page(),
        settings.PAGE: settings.render_page(),
        settings.KNOWN_VARIABLES: settings.known_variables(),
        **kinds.render_files(),
    }


def main(arguments: list[str]) -> int:
    """Write the files that changed; with `--check`, exit code 1 and a line for each stale one."""
    check = "--check" in arguments
    stale = _write_stale(check=check)
    if stale and not check:
        _write_stale(check=False)  # pages that are made of files that were written just now
    return 1 if check and stale else 0


def _write_stale(*, check: bool) -> bool:
    """Write the files that are stale, or name them; returns whether there was one."""
    stale = {
        path: text for path, text in generate_all().items() if not path.exists() or path.read_text("utf-8") != text
    }
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
