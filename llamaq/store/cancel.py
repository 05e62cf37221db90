"""A cancel and a deletion without any I/O: the calls of `cancel.lua` and `delete.lua`, and the reading of an answer."""

from llamaq.store.answers import Answer, unknown_answer_error
from llamaq.store.keys import Keys, check_text_id
from llamaq.store.producer_scripts import Cancel, Delete
from llamaq.store.script_runs import Call
from llamaq.vocabulary.errors import InvalidRequest, JobNotFound
from llamaq.vocabulary.wire import dump_members

MOST_REASON_CHARS = 1_000


def check_reason(reason: str) -> str:
    """Check that the reason can be stored in the record and in the log.

    Raises:
        InvalidRequest: it cannot.
    """
    if not isinstance(reason, str):
        raise InvalidRequest.of("reason", f"must be a text, not {type(reason).__name__}")
    try:
        reason.encode()
    except UnicodeEncodeError:
        raise InvalidRequest.of("reason", "holds half a surrogate pair, which UTF-8 cannot carry") from None
    if len(reason) > MOST_REASON_CHARS:
        raise InvalidRequest.of("reason", f"it has {len(reason)} characters, more than {MOST_REASON_CHARS}")
    return reason


def call(keys: Keys, job_id: str, reason: str) -> Call:
    """The call of `cancel.lua`.

    Raises:
        InvalidRequest: the reason cannot be stored.
    """
    reason = check_reason(reason)
    return Call(keys.prefix, Cancel(id=job_id, members=dump_members(reason=reason), reason=reason))


def delete_call(keys: Keys, job_id: str, reason: str) -> Call:
    """The call of `delete.lua`; the reason is that of its cancel, where the job has not ended.

    Raises:
        InvalidRequest: the reason cannot be stored, or the id is no text.
    """
    reason = check_reason(reason)
    return Call(keys.prefix, Delete(id=check_text_id(job_id), members=dump_members(reason=reason), reason=reason))


def read(job_id: str, answer: Answer) -> bool:
    """Whether the job is cancelled now.

    Raises:
        JobNotFound: there is no such job.
    """
    match answer.word:
        case "OK":
            return True
        case "TOO_LATE":
            return answer.text("state") == "cancelled"
        case "MISSING":
            raise JobNotFound(job_id)
    raise unknown_answer_error(answer)
