"""`run.py gateway` serves; `run.py gateway key` makes, lists and removes keys."""

import sys

from llamaq.importing import quick_imports
from llamaq.invocation import command_line

GATEWAY = command_line("gateway")
USAGE = f"""\
usage: {GATEWAY}                          serve HTTP: Ollama's API, OpenAI's API, and jobs
       {GATEWAY} key add NAME [OPTION..]  make a key, and show it once
       {GATEWAY} key list                 who has a key, and what each one may
       {GATEWAY} key remove NAME          the key is refused from now on

Settings come from the environment: LLAMAQ_REDIS_URL, LLAMAQ_GATEWAY_PORT and others; see docs/settings.md.
"""


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0, 1 when something is wrong, or 2 for a wrong call."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if arguments and arguments[0] != "key":
        sys.stderr.write(f"there is no command {arguments[0]!r}\n{USAGE}")
        return 2
    with quick_imports():
        from gateway.settings import GatewayVariables  # noqa: PLC0415 - a slow import, during which a Ctrl-C may come
        from llamaq.settings.environment import read_as  # noqa: PLC0415 - as above
        from llamaq.vocabulary.errors import InvalidRequest  # noqa: PLC0415 - as above
    try:
        settings = read_as(GatewayVariables)
    except InvalidRequest as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 2
    if arguments:
        from gateway.access import key_command  # noqa: PLC0415 - not needed to serve

        return key_command.main(arguments[1:], settings.gateway_keys_file)
    with quick_imports():
        from gateway.server import serve  # noqa: PLC0415 - as above
    return serve.main(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
