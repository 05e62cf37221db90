"""Runs scripts, without any I/O: a generator yields steps, and a blocking or an asyncio driver does them.

* Redis loses its scripts at a restart. A script that it does not have is loaded, and called again. A user that may load
  a script may run any, so by the ACL of `ops/redis/users.acl` producers run only what the workers have loaded. After a
  restart of Redis a producer waits for the workers, which look for missing scripts once a second.
* The workers publish their scripts (`publish.lua`). A script that assigns jobs compares its version with the published
  one. Where they differ it answers `OTHER_STORE` and changes nothing, and the published script is called instead, with
  the same arguments by name.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from redis.exceptions import NoPermissionError, NoScriptError

from llamaq.store import scripts
from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments, Value
from llamaq.store.keys import Keys
from llamaq.store.scripts import OTHER_STORE, Script
from llamaq.vocabulary.errors import VersionMismatch

T = TypeVar("T")
POLLS = 32
POLL_SECONDS = 0.25
TRIES = 5
"""Calls of a script that finds another version published: more than two only while workers are being replaced."""

SCRIPT_FIELD = "script:"
"""The name of the field of a published script is this and the verb (`publish.lua`)."""
Command = Sequence[Value]
Reply = object
"""Redis' answer to a command, which may be an error."""


class ScriptMissing(NoScriptError):
    """Redis does not have the script, this user may not load it, and no worker has loaded it."""

    def __init__(self, script: Script) -> None:
        super().__init__(
            f"it does not know the script {script.name!r}, which its ACL lets workers load alone, and none has: "
            "start a worker of this version of llamaq"
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a script.

    Attributes:
        rest: values behind the named ones, of a script that takes a list.
    """

    prefix: str
    arguments: Arguments
    keys: Sequence[str] = ()
    rest: Sequence[Value] = ()

    @property
    def script(self) -> Script:
        """The script of this version."""
        return scripts.load(type(self.arguments))


@dataclass(frozen=True, slots=True)
class Send:
    """Reply with the answers to these commands, sent in one round trip."""

    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class Pause:
    """Reply with nothing, after so many seconds."""

    seconds: float


Step = Send | Pause
Steps = Generator[Step, Sequence[Reply] | None, T]
"""Yields steps, whose replies are sent into it, and returns its result."""
_published: dict[str, dict[str, Script]] = {}
"""By prefix, the published scripts of another version, read at the first `OTHER_STORE`."""


def running(calls: Sequence[Call]) -> Steps[list[Answer | Exception]]:
    """Run scripts in one round trip, and those again that Redis did not have or the fleet has in another version.

    Returns:
        The answers or errors, in the order of the calls.
    """
    replies: dict[int, Reply] = {}
    pending = list(range(len(calls)))
    for _ in range(TRIES):
        wanted = {index: _script(calls[index]) for index in pending}
        found = yield from _replies([_command(calls[index], script) for index, script in wanted.items()])
        replies |= zip(pending, found, strict=True)
        missing = {wanted[index]: calls[index] for index in pending if isinstance(replies[index], NoScriptError)}
        for script, call in missing.items():
            yield from _make_known(script, call)
        others = {calls[index].prefix for index in pending if _is_other(replies[index])}
        for prefix in others:
            yield from _read_published(prefix)
        pending = [index for index in pending if isinstance(replies[index], NoScriptError) or _is_other(replies[index])]
        if not pending:
            break
    return [_answer(replies[index]) for index in range(len(calls))]


def _replies(commands: Sequence[Command]) -> Steps[Sequence[Reply]]:
    return (yield Send(commands)) or []


def _script(call: Call) -> Script:
    published = _published.get(call.prefix)
    if published is None or not call.script.assigns:
        return call.script
    script = published.get(call.arguments.verb)
    if script is None:
        raise VersionMismatch(f"the fleet's workers do not know {call.arguments.verb!r}: update the workers first")
    # An argument that the older script does not have must not be ignored.
    if unknown := sorted(call.arguments.needed() - set(script.names)):
        names = ", ".join(unknown)
        raise VersionMismatch(f"the fleet's workers do not know {names} of {script.name!r}: update the workers first")
    return script


def _command(call: Call, script: Script) -> Command:
    values = call.arguments.values()
    in_order = [values.get(name, "") for name in script.names]
    return ["EVALSHA", script.sha, len(call.keys), *call.keys, call.prefix, *in_order, *call.rest]


def _is_other(reply: Reply) -> bool:
    return isinstance(reply, list) and reply == [OTHER_STORE]


def _answer(reply: Reply) -> Answer | Exception:
    if isinstance(reply, Exception):
        return reply
    if _is_other(reply):
        return VersionMismatch("the workers of the fleet publish one version after another: let all be of one version")
    return Answer(reply)


def _read_published(prefix: str) -> Steps[None]:
    (reply,) = yield from _replies([["HGETALL", Keys(prefix).store()]])
    if isinstance(reply, Exception):
        raise reply
    fields: Mapping[str, str] = reply if isinstance(reply, dict) else {}
    if fields.get("digest") in (None, scripts.digest()):
        _published.pop(prefix, None)
        return
    _published[prefix] = {
        name.removeprefix(SCRIPT_FIELD): _read(name.removeprefix(SCRIPT_FIELD), text)
        for name, text in fields.items()
        if name.startswith(SCRIPT_FIELD)
    }


def published(script: Script) -> str:
    """A script as it is published: its SHA-1, and the names of its arguments in their order."""
    return " ".join([script.sha, *script.names])


def _read(verb: str, text: str) -> Script:
    sha, *names = text.split()
    return Script(verb, "", sha, tuple(names), assigns=True)


def _make_known(script: Script, call: Call) -> Steps[None]:
    if not script.text:  # a published script of another version, of which only the SHA-1 is known here
        yield from _read_published(call.prefix)
        if _script(call) != script:
            return
    else:
        (reply,) = yield from _replies([["SCRIPT LOAD", script.text]])
        if not isinstance(reply, Exception):
            return
        if not isinstance(reply, NoPermissionError):
            raise reply
    for _ in range(POLLS):
        (reply,) = yield from _replies([["SCRIPT EXISTS", script.sha]])
        if isinstance(reply, list) and reply[0]:
            return
        yield Pause(POLL_SECONDS)
    raise ScriptMissing(script)
