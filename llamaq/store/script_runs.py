"""Runs scripts, without any I/O: a generator yields steps, and a blocking or an asyncio driver does them.

* Redis loses its scripts at a restart. A script that it does not have is loaded, and called again. A user that may load
  a script may run any, so by the ACL of `ops/redis/users.acl` producers run only what the workers have loaded. After a
  restart of Redis a producer waits for the workers, which look for missing scripts once a second.
* The workers publish their scripts (`publish.lua`). A script that assigns jobs compares its version with the published
  one. Where they differ it answers `OTHER_STORE` and changes nothing, and the published script is called instead, with
  the same arguments by name.
* Calls of one script, one after another, go in one call of it where it is made for several (`scripts.GROUPED`).
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from redis.exceptions import NoPermissionError, NoScriptError

from llamaq.store import scripts
from llamaq.store.answers import Answer
from llamaq.store.arguments import Arguments, Value
from llamaq.store.keys import Keys
from llamaq.store.scripts import GROUPED, OTHER_STORE, Script
from llamaq.vocabulary.errors import VersionMismatch

T = TypeVar("T")
POLLS = 32
POLL_SECONDS = 0.25
MOST_GROUPED = 16
"""Redis does nothing else during a script, and this many jobs take it a millisecond or two."""
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


def begin_steps(calls: Sequence[Call]) -> tuple[Steps[list[Answer | Exception]], Sequence[Command]]:
    """As `run_steps`, begun: with the commands of its first step, whose replies are to be sent into it."""
    steps = run_steps(calls)
    step = next(steps)
    return steps, step.commands if isinstance(step, Send) else ()


def is_final(reply: Reply) -> bool:
    """Whether a call is over with this reply; else the script is loaded or looked up, and called again."""
    return not (isinstance(reply, NoScriptError) or _is_other(reply))


def run_steps(calls: Sequence[Call]) -> Steps[list[Answer | Exception]]:
    """Run scripts in one round trip, and those again that Redis did not have or the fleet has in another version.

    Returns:
        The answers or errors, in the order of the calls.
    """
    replies: dict[int, Reply] = {}
    pending = list(range(len(calls)))
    for _ in range(TRIES):
        wanted = {index: _choose_script(calls[index]) for index in pending}
        groups = _group_calls(calls, wanted)
        found = yield from _send(
            [_build_command([calls[each] for each in group], wanted[group[0]]) for group in groups]
        )
        for group, reply in zip(groups, found, strict=True):
            replies |= zip(group, _split_reply(reply, len(group)), strict=True)
        pending = [index for index in pending if not is_final(replies[index])]
        if not pending:
            break
        missing = {wanted[index]: calls[index] for index in pending if isinstance(replies[index], NoScriptError)}
        for script, call in missing.items():
            yield from _load_script(script, call)
        others = {calls[index].prefix for index in pending if _is_other(replies[index])}
        for prefix in others:
            yield from _read_published(prefix)
    return [_read_answer(replies[index]) for index in range(len(calls))]


def _send(commands: Sequence[Command]) -> Steps[Sequence[Reply]]:
    return (yield Send(commands)) or []


def _choose_script(call: Call) -> Script:
    published = _published.get(call.prefix)
    if published is None or not call.script.assigns:
        return call.script
    script = published.get(call.arguments.verb)
    if script is None:
        raise VersionMismatch(f"the fleet's workers do not know {call.arguments.verb!r}: update the workers first")
    # An argument that the older script does not have must not be ignored.
    if unknown := sorted(call.arguments.required_names() - set(script.names)):
        names = ", ".join(unknown)
        raise VersionMismatch(f"the fleet's workers do not know {names} of {script.name!r}: update the workers first")
    return script


def _group_calls(calls: Sequence[Call], wanted: Mapping[int, Script]) -> list[list[int]]:
    """Group the indexes of the calls that go in one, in their order."""
    groups: list[list[int]] = []
    before: tuple[Script, str] | None = None
    for index, script in wanted.items():
        this = (script, calls[index].prefix)
        if this == before and GROUPED in script.names and len(groups[-1]) < MOST_GROUPED:
            groups[-1].append(index)
        else:
            groups.append([index])
        before = this
    return groups


def _build_command(calls: Sequence[Call], script: Script) -> Command:
    first = calls[0]
    command: list[Value] = ["EVALSHA", script.sha, len(first.keys), *first.keys, first.prefix]
    for call in calls:
        values = call.arguments.values()
        # Those of this version are in the order of the script.
        command += values.values() if script.text else [values.get(name, "") for name in script.names]
    if len(calls) > 1:
        command[len(first.keys) + 4 + script.names.index(GROUPED)] = len(calls) - 1
    command += first.rest
    return command


def _split_reply(reply: Reply, number: int) -> Sequence[Reply]:
    """Split the reply to calls that went in one."""
    if number == 1 or isinstance(reply, Exception) or _is_other(reply):
        return [reply] * number
    return reply if isinstance(reply, list) else []


def _is_other(reply: Reply) -> bool:
    return isinstance(reply, list) and reply == [OTHER_STORE]


def _read_answer(reply: Reply) -> Answer | Exception:
    if isinstance(reply, Exception):
        return reply
    if _is_other(reply):
        return VersionMismatch("the workers of the fleet publish one version after another: let all be of one version")
    return Answer(reply)


def _read_published(prefix: str) -> Steps[None]:
    (reply,) = yield from _send([["HGETALL", Keys(prefix).store()]])
    if isinstance(reply, Exception):
        raise reply
    fields: Mapping[str, str] = reply if isinstance(reply, dict) else {}
    if fields.get("digest") in (None, scripts.digest()):
        _published.pop(prefix, None)
        return
    _published[prefix] = {
        name.removeprefix(SCRIPT_FIELD): _parse_published(name.removeprefix(SCRIPT_FIELD), text)
        for name, text in fields.items()
        if name.startswith(SCRIPT_FIELD)
    }


def encode_published(script: Script) -> str:
    """Encode a script as it is published: its SHA-1, and the names of its arguments in their order."""
    return " ".join([script.sha, *script.names])


def _parse_published(verb: str, text: str) -> Script:
    sha, *names = text.split()
    return Script(verb, "", sha, tuple(names), assigns=True)


def _load_script(script: Script, call: Call) -> Steps[None]:
    if not script.text:  # a published script of another version, of which only the SHA-1 is known here
        yield from _read_published(call.prefix)
        if _choose_script(call) != script:
            return
    else:
        (reply,) = yield from _send([["SCRIPT LOAD", script.text]])
        if not isinstance(reply, Exception):
            return
        if not isinstance(reply, NoPermissionError):
            raise reply
    for _ in range(POLLS):
        (reply,) = yield from _send([["SCRIPT EXISTS", script.sha]])
        if isinstance(reply, list) and reply[0]:
            return
        yield Pause(POLL_SECONDS)
    raise ScriptMissing(script)
