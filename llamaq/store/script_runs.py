"""How scripts are run, without any I/O: what to send, and what to do where Redis or the fleet has other scripts.

* Redis forgets its scripts at a restart. One that it does not know is loaded and run again. A user that may load any
  script may run any, so the ACL of `ops/redis/users.acl` lets producers run only what the workers have loaded. After a
  restart of Redis a producer waits for the workers; they look once a second.
* The workers publish their scripts (`publish.lua`). A script that assigns jobs compares its version with the published
  one. Where they differ it answers `OTHER_STORE` and changes nothing, and the published script is called instead, with
  the same arguments by name.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import NoPermissionError, NoScriptError

from llamaq.store import scripts
from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments, Value
from llamaq.store.keys import Keys
from llamaq.store.scripts import OTHER_STORE, Script
from llamaq.vocabulary.errors import VersionMismatch

LOOKS = 32
PAUSE_SECONDS = 0.25
TRIES = 5
"""A call meets another version once, or again while the workers are being replaced."""

SCRIPT_FIELD = "script:"
"""What the field of a published script is called, before the verb (`publish.lua`)."""
Command = Sequence[Value]
Reply = object
"""What Redis answers to a command; an error that it answers stands in its place."""


class ScriptMissing(NoScriptError):
    """Redis does not know the script, this user may not load it, and no worker has."""

    def __init__(self, script: Script) -> None:
        super().__init__(
            f"it does not know the script {script.name!r}, which its ACL lets workers load alone, and none has: "
            "start a worker of this version of llamaq"
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a script."""

    prefix: str
    arguments: Arguments
    keys: Sequence[str] = ()

    @property
    def script(self) -> Script:
        """That of this version."""
        return scripts.load(type(self.arguments))


@dataclass(frozen=True, slots=True)
class Send:
    """Want: the replies to these commands, sent in one round trip."""

    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class Pause:
    """Want: nothing, after so many seconds."""

    seconds: float


Step = Send | Pause
_published: dict[str, dict[str, Script]] = {}
"""What the fleet of a prefix has published, where that is another version: found at the first `OTHER_STORE`."""


def running(calls: Sequence[Call]) -> Generator[Step, Sequence[Reply] | None, list[Answer | Exception]]:
    """Run scripts in one round trip, and again what Redis or the fleet had other scripts for.

    Returns:
        The answers in the order of the calls; an answer that is an error stands in its place.
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
            yield from _look_up(prefix)
        pending = [index for index in pending if isinstance(replies[index], NoScriptError) or _is_other(replies[index])]
        if not pending:
            break
    return [_answer(replies[index]) for index in range(len(calls))]


def _replies(commands: Sequence[Command]) -> Generator[Step, Sequence[Reply] | None, Sequence[Reply]]:
    return (yield Send(commands)) or []


def _script(call: Call) -> Script:
    published = _published.get(call.prefix)
    if published is None or not call.script.assigns:
        return call.script
    script = published.get(call.arguments.verb)
    if script is None:
        raise VersionMismatch(f"the fleet's workers do not know {call.arguments.verb!r}: update the workers first")
    # Nothing that the caller asks for is left out because the fleet is older.
    if unknown := sorted(call.arguments.needed() - set(script.names)):
        names = ", ".join(unknown)
        raise VersionMismatch(f"the fleet's workers do not know {names} of {script.name!r}: update the workers first")
    return script


def _command(call: Call, script: Script) -> Command:
    values = call.arguments.values()
    in_order = [values.get(name, "") for name in script.names]
    return ["EVALSHA", script.sha, len(call.keys), *call.keys, call.prefix, *in_order]


def _is_other(reply: Reply) -> bool:
    return isinstance(reply, list) and reply == [OTHER_STORE]


def _answer(reply: Reply) -> Answer | Exception:
    if isinstance(reply, Exception):
        return reply
    if _is_other(reply):
        return VersionMismatch("the workers of the fleet publish one version after another: let all be of one version")
    return Answer(reply)


def _look_up(prefix: str) -> Generator[Step, Sequence[Reply] | None, None]:
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
    """What is published of a script: its SHA-1, and its arguments' names in their order."""
    return " ".join([script.sha, *script.names])


def _read(verb: str, text: str) -> Script:
    sha, *names = text.split()
    return Script(verb, "", sha, tuple(names), assigns=True)


def _make_known(script: Script, call: Call) -> Generator[Step, Sequence[Reply] | None, None]:
    if not script.text:
        yield from _look_up(call.prefix)
        if _script(call) != script:
            return
    else:
        (reply,) = yield from _replies([["SCRIPT LOAD", script.text]])
        if not isinstance(reply, Exception):
            return
        if not isinstance(reply, NoPermissionError):
            raise reply
    for _ in range(LOOKS):
        (reply,) = yield from _replies([["SCRIPT EXISTS", script.sha]])
        if isinstance(reply, list) and reply[0]:
            return
        yield Pause(PAUSE_SECONDS)
    raise ScriptMissing(script)
