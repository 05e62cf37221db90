"""The submission of a job, without any I/O: the checked request, the call of `submit.lua`, and its answer."""

from dataclasses import dataclass
from urllib.parse import quote

from llamaq.admission import idempotency, needed_capabilities, request_images, tracing
from llamaq.admission.host_jobs import queue_of, unknown_target_error
from llamaq.admission.limits import apply_control_policy, check_note, check_text
from llamaq.admission.load_options import load_options_key
from llamaq.admission.request_images import Sources
from llamaq.extraction.schema import check_schema
from llamaq.extraction.schema_shape import check_shape
from llamaq.images.image import REFERENCE, Image
from llamaq.settings.producer import Limits, Settings
from llamaq.store.answers import Answer, unknown_answer_error
from llamaq.store.keys import check_id
from llamaq.store.producer_scripts import Submit
from llamaq.store.script_runs import Call
from llamaq.vocabulary.conversations import encode_messages
from llamaq.vocabulary.errors import ConversationBusy, InvalidRequest, QueueFull
from llamaq.vocabulary.kinds.chat import ChatRequest
from llamaq.vocabulary.kinds.request import FIRST_TIME
from llamaq.vocabulary.notify import has_private_host, notify_field
from llamaq.vocabulary.requests import AnyRequest, dump_json
from llamaq.vocabulary.wire import dumps

BATCH = 128
"""Jobs in one round trip of `submit_many`. Two are under way at a time."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A job before it is queued: the valid request, and the images to store for it.

    Attributes:
        note: a text that is kept with the job, and that no worker reads.
    """

    job_id: str
    request: AnyRequest
    images: tuple[Image, ...] = ()
    wait_for_model: bool = False
    note: str = ""


def prepare(
    request: AnyRequest,
    job_id: str,
    limits: Limits,
    *,
    sources: Sources | None = None,
    wait_for_model: bool = False,
    note: str = "",
) -> Submission:
    """Check what the request model does not check, and load the images: `sources`, or those in the request itself.

    Raises:
        InvalidRequest: request or note are over a limit, an image or the schema is refused, or the id is not usable.
    """
    check_id(job_id)
    check_note(note)
    check_text(request, limits)
    request = apply_control_policy(request, limits)
    if request.kind == "extraction":
        check_schema(request.json_schema, "schema")
    if isinstance(answer_format := request_images.optional_field(request, "format"), dict):
        check_shape(answer_format, "format")
    request, images = request_images.load_images(request, limits, sources or {})
    return Submission(job_id, request, images, wait_for_model, note)


def build_call(submission: Submission, settings: Settings) -> Call:
    """Build the call of `submit.lua`."""
    request, keys, start = submission.request, settings.keys, submission.request.start_after
    queue, images = queue_of(request), request_images.references(request)
    conversation = request_images.optional_field(request, "conversation")
    turn = request if conversation is not None and isinstance(request, ChatRequest) else None
    arguments = Submit(
        id=submission.job_id,
        kind=request.kind,
        model=queue,
        lane=request.priority,
        tenant=request.tenant,
        request=dump_json(request),
        start_within="" if request.start_within is None else request.start_within,
        conversation=conversation or "",
        idempotency_key=_idempotency_key(request, settings),
        images=" ".join(image.removeprefix(REFERENCE) for image in images),
        max_attempts=settings.max_attempts,
        result_ttl=settings.result_ttl,
        max_queued=settings.max_queued,
        wait_for_model=int(submission.wait_for_model),
        metadata=dumps(request.metadata) if request.metadata else "{}",
        when_busy=turn.when_busy if turn else "",
        messages="\n".join(encode_messages(turn, submission.job_id)) if turn else "",
        conversation_ttl=settings.conversation_ttl,
        runner=load_options_key(request.options),
        weight=settings.tenant_weights.get(request.tenant, 1),
        max_queued_per_tenant=settings.max_queued_per_tenant,
        capabilities=" ".join(needed_capabilities.list_needed(request, images)),
        target="" if queue == request.model else request.model,
        notify=notify_field(request.notify),
        notify_private=int(request.notify is not None and has_private_host(request.notify.url)),
        traceparent=tracing.create_traceparent(submission.job_id, request.kind, request.model, keys.prefix),
        note=submission.note,
        start_after=start if start is not None and start < FIRST_TIME else "",
        start_at=start if start is not None and start >= FIRST_TIME else "",
    )
    return Call(keys.prefix, arguments)


def _idempotency_key(request: AnyRequest, settings: Settings) -> str:
    key = request.idempotency_key
    return settings.keys.idempotency(request.tenant, quote(key, safe="")) if key else ""


_NO_WEBHOOKS = {
    "none": "no worker sends webhooks: set LLAMAQ_WEBHOOK_SECRET for a worker, or leave the field out",
    "private": "no worker calls private addresses: set LLAMAQ_WEBHOOK_PRIVATE=1 for those that send webhooks, "
    "or give a public address",
}


class UploadExpired(Exception):
    """An image expired between its upload and the submit. It must be stored again."""


def is_new(answer: Answer | Exception) -> bool:
    """Whether the job was accepted, under its own id."""
    return isinstance(answer, Answer) and answer.word == "OK"


def is_accepted(answer: Answer | Exception) -> bool:
    """Whether `read_answer` gives the id of a job without asking Redis again."""
    return isinstance(answer, Answer) and answer.word in {"OK", "EXISTS", "SAME"}


def read_answer(submission: Submission, answer: Answer, settings: Settings) -> str:
    """Read the job's id out of the answer; for a known idempotency key, that of the earlier job.

    Raises:
        QueueFull: too many jobs wait for the model.
        UnknownModel: no known host has it. `near` is empty; the caller fills it.
        ConversationBusy: an earlier turn has not ended, and `when_busy` is `reject`.
        IdempotencyConflict: the earlier job with its idempotency key was asked for something else.
        InvalidRequest: an image that it refers to is not stored, the model lacks a capability, no worker would call
            the webhook, or the job with this id is being deleted.
        UploadExpired: an image of the submission is no longer stored.
    """
    match answer.word:
        case "OK" | "EXISTS":
            return submission.job_id
        case "SAME":
            return idempotency.resolve_job_id(submission.request, answer)
        case "FULL":
            raise _queue_full(submission.request, answer, settings)
        case "UNKNOWN_MODEL":
            raise unknown_target_error(submission.request)
        case "DELETED" | "UNSUPPORTED" | "NO_WEBHOOKS":
            raise _invalid_request(submission.request, answer)
        case "BUSY":
            raise ConversationBusy(getattr(submission.request, "conversation", ""), answer.text("turn"))
        case "BLOB_MISSING":
            missing = answer.text("image")
            if missing in {image.sha256 for image in submission.images}:
                raise UploadExpired
            raise InvalidRequest.of("images", f"no image sha256:{missing} is stored: send its bytes again")
    raise unknown_answer_error(answer)


def _invalid_request(request: AnyRequest, answer: Answer) -> InvalidRequest:
    if answer.word == "UNSUPPORTED":
        return needed_capabilities.refusal(request, answer.text("capability"), answer.text("capabilities"))
    if answer.word == "NO_WEBHOOKS":
        return InvalidRequest.of("notify", _NO_WEBHOOKS[answer.text("lacks")])
    return InvalidRequest.of("id", "its job was just deleted, and a worker still has it: use another id")


def _queue_full(request: AnyRequest, answer: Answer, settings: Settings) -> QueueFull:
    if answer.text("limit") == "tenant":
        limit = settings.name("max_queued_per_tenant")
        what = f"too many jobs of tenant {request.tenant} wait ({limit}, or the limit of the key)"
    else:
        what = f"too many jobs wait for {request.model} ({settings.name('max_queued')})"
    seconds = answer.number("retry_after")
    return QueueFull(f"{what}; try again in {seconds:g} s", seconds)
