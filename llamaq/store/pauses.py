"""Pauses of hosts and models without any I/O: the call of `pause.lua`, and the reading of its answer."""

from llamaq.store.answers import Answer
from llamaq.store.keys import Keys
from llamaq.store.producer_scripts import Pause
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import InvalidRequest, UnknownModel
from llamaq.vocabulary.models import parse_model_name


def call(keys: Keys, word: str, host: str | None, model: str | None) -> Call:
    """The call of `pause.lua`.

    Raises:
        InvalidRequest: neither or both of host and model are given, or a name is not valid.
    """
    if (host is None) == (model is None):
        raise InvalidRequest.of("host", "give either a host or a model")
    return Call(
        keys.prefix,
        Pause(host=_check_optional_name("host", host), model=_check_optional_name("model", model), word=word),
    )


def _check_optional_name(what: str, given: str | None) -> str:
    return "" if given is None else check_name(what, given)


def check_name(what: str, given: str) -> str:
    """Check the name of a host or a model; that of a model is normalised.

    Raises:
        InvalidRequest: it can be the name of none.
    """
    if not isinstance(given, str) or not given:
        raise InvalidRequest.of(what, "give its name")
    try:
        given.encode()
        return parse_model_name(given) if what == "model" else given
    except ValueError as error:  # half a surrogate pair is one, too
        raise InvalidRequest.of(what, str(error)) from None


def raise_for_answer(answer: Answer, host: str | None, model: str | None) -> None:
    """Raise the error that the answer names, if any.

    Raises:
        InvalidRequest: no worker reports the host.
        UnknownModel: no host has the model, and no job waits for it.
    """
    if answer.word == "OK":
        return
    if model is not None:
        raise UnknownModel(parse_model_name(model))
    raise InvalidRequest.of("host", f"no worker speaks for a host {host!r}: see `llamaq hosts`")
