"""The keys and channels that Python uses. `lua/job/keys.lua` and other fragments have those of the scripts."""

import re
from dataclasses import dataclass

from llamaq.vocabulary.errors import InvalidRequest

# No path of a URL has a segment `.` or `..`: clients and proxies take it out, also where it is percent-encoded.
_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,128}")
_CURSOR = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})?")  # Redis takes 64 bits


@dataclass(frozen=True, slots=True)
class Keys:
    """The names under one prefix (`LLAMAQ_PREFIX`)."""

    prefix: str

    def record(self, job_id: str) -> str:
        """Hash: the job's record."""
        return f"{self.prefix}:{{{job_id}}}"

    def events(self, job_id: str) -> str:
        """Stream: the job's log. The channel on which it is published has the same name."""
        return f"{self.prefix}:{{{job_id}}}:events"

    def idempotency(self, tenant: str, key: str) -> str:
        """String: the id of the job that a tenant submitted with this idempotency key."""
        return f"{self.prefix}:idem:{tenant}:{key}"

    def blob(self, sha256: str) -> str:
        """String: an image, stored once for all jobs that have it."""
        return f"{self.prefix}:blob:{sha256}"

    def card(self, digest: str) -> str:
        """String: what `/api/show` tells of the model with this digest."""
        return f"{self.prefix}:card:{digest}"

    def conversation(self, tenant: str, name: str) -> str:
        """List: the messages of a conversation, oldest first, one JSON object each."""
        return f"{self.prefix}:conversation:{tenant}:{name}"

    def about(self, tenant: str, name: str) -> str:
        """Hash: the settings of a conversation."""
        return f"{self.prefix}:about:{tenant}:{name}"

    def master_proof(self) -> list[str]:
        """A command that changes nothing, and that a demoted master refuses; the client then connects again."""
        return ["HDEL", f"{self.prefix}:reaper", "-"]

    def confirmed(self) -> str:
        """Channel: nobody listens to it (`connections/confirmation.py`)."""
        return f"{self.prefix}:confirmed"

    def leases(self) -> str:
        """Sorted set: `<job id> <host>` of every slot that is held, by the time at which its lease expires."""
        return f"{self.prefix}:leases"

    def minute(self, number: int) -> str:
        """Hash: the figures of a minute, which is numbered from the Unix epoch."""
        return f"{self.prefix}:minute:{number}"

    def jobs(self) -> str:
        """Sorted set: every job that is kept, by the time of its submit."""
        return f"{self.prefix}:jobs"

    def hosts(self) -> str:
        """Sorted set: the known hosts, by the time of the last report of one of their workers."""
        return f"{self.prefix}:hosts"

    def host(self, host: str) -> str:
        """Hash: the record of a host, as its workers last reported it."""
        return f"{self.prefix}:host:{host}"

    def paused(self) -> str:
        """Hash: `host:<host>` and `model:<model>` of what an operator has paused, with `paused` or `draining`."""
        return f"{self.prefix}:paused"

    def queued(self) -> str:
        """Hash: by tenant, the number of its jobs that wait."""
        return f"{self.prefix}:queued"

    def slots(self, host: str) -> str:
        """Hash: the jobs that hold a slot of the host, each with its model."""
        return f"{self.prefix}:host:{host}:slots"

    def held(self, host: str) -> tuple[str, str]:
        """Hashes of the jobs that the host has: those with a slot, and host jobs."""
        return self.slots(host), f"{self.prefix}:host:{host}:host_jobs"

    def generation(self, host: str) -> str:
        """String: is written whenever something takes the fence from a running attempt on the host."""
        return f"{self.prefix}:host:{host}:generation"

    def refusals(self, host: str) -> str:
        """Hash: by model, JSON of its refusals on the host, and of the model's circuit there."""
        return f"{self.prefix}:host:{host}:refusals"

    def control(self, host: str) -> str:
        """Channel: ids of jobs on the host that were cancelled."""
        return f"{self.prefix}:control:{host}"

    def inbox(self) -> str:
        """Stream: jobs from producers without the SDK."""
        return f"{self.prefix}:inbox"

    def inbox_taken(self) -> str:
        """Hash: entries of the inbox whose worker ended before it had dealt with them, and how often."""
        return f"{self.prefix}:inbox:taken"

    def dead(self) -> str:
        """Stream: messages that were set aside, with the reason."""
        return f"{self.prefix}:dead"

    def failing(self) -> str:
        """Sorted set: duties of workers that have failed for too long, by the time of their last failed round."""
        return f"{self.prefix}:failing"

    def damaged(self) -> str:
        """Sorted set: notes (JSON) of what was set aside, because something else had written over it, by their time."""
        return f"{self.prefix}:damaged"

    def scripts(self) -> str:
        """Hash: scripts by their SHA-1. The name has no colon, so that no producer's ACL pattern covers it."""
        return f"{self.prefix}.scripts"

    def store(self) -> str:
        """Hash: the scripts that the fleet runs, and their version. Producers may only read it."""
        return f"{self.prefix}.store"

    def file(self, file_id: str) -> str:
        """Hash: the record of a file."""
        return f"{self.prefix}:{{{file_id}}}:file"

    def pieces(self, file_id: str) -> str:
        """Hash: the text of a file, by the number of the piece."""
        return f"{self.prefix}:{{{file_id}}}:pieces"

    def files(self, tenant: str) -> str:
        """Sorted set: the files of a tenant, by their creation."""
        return f"{self.prefix}:files:{tenant}"

    def batch(self, batch_id: str) -> str:
        """Hash: the record of a batch."""
        return f"{self.prefix}:{{{batch_id}}}:batch"

    def batches(self, tenant: str) -> str:
        """Sorted set: the batches of a tenant, by their creation."""
        return f"{self.prefix}:batches:{tenant}"

    def intake_queue(self) -> str:
        """Celery queue: jobs sent by task name."""
        return self.prefix

    def host_queue(self, host: str) -> str:
        """Celery queue: messages of the jobs that were assigned to one host."""
        return f"{self.prefix}.host.{host}"

    def is_queue(self, name: str) -> bool:
        """Whether a Celery queue is one of this prefix."""
        return name == self.intake_queue() or name.startswith((self.host_queue(""), self.worker_queue("")))

    def mailbox(self) -> str:
        """Exchange and channel (behind `/0.`) of Celery's remote control, and the last part of its queues' names."""
        return f"{self.prefix}.pidbox"

    def worker_queue(self, worker: str) -> str:
        """Celery queue: the heartbeat of one worker."""
        return f"{self.prefix}.worker.{worker}"


def is_cursor(text: object) -> bool:
    """Whether the text can be the id of a stream's entry."""
    return isinstance(text, str) and bool(_CURSOR.fullmatch(text))


def is_usable_id(job_id: str) -> bool:
    """Whether a job can have this id, which becomes a part of keys."""
    return bool(_ID.fullmatch(job_id))


def check_text_id(job_id: str) -> str:
    """Check that the id is a text. One that no job can have is not refused: no job is found for it.

    Raises:
        InvalidRequest: it is something else, such as a `UUID`.
    """
    if not isinstance(job_id, str):
        raise InvalidRequest.of("id", f"must be a text, not {type(job_id).__name__}")
    try:
        job_id.encode()
    except UnicodeEncodeError:
        raise InvalidRequest.of("id", "holds half a surrogate pair, which UTF-8 cannot carry") from None
    return job_id


def check_id(job_id: str) -> str:
    """Check that the id can be part of a key.

    Raises:
        InvalidRequest: it cannot.
    """
    if not is_usable_id(check_text_id(job_id)):
        form = "up to 128 letters, digits and . _ -, but not . or .. alone"
        raise InvalidRequest.of("id", f"{job_id[:140]!r} is not usable: {form}")
    return job_id
