"""Django views over the queue: one that asks and waits, one that streams as text, one that tells where a job stands.

    pip install django             # and llamaq, out of this checkout: pip install ../..
    python app.py runserver        # LLAMAQ_REDIS_URL says where Redis is

The settings stand here only so that the example is one file; take the views into your own application.
"""

import json
import os
import sys
from collections.abc import Iterator

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from llamaq import (
    BrokerUnavailable,
    InvalidRequest,
    Job,
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobNotFound,
    JobQueue,
    LlamaqError,
    QueueFull,
    UnknownModel,
)

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "for this example, which signs nothing"),
)
STATUS: dict[type[LlamaqError], int] = {
    InvalidRequest: 422,
    UnknownModel: 422,
    QueueFull: 503,
    BrokerUnavailable: 503,
    JobNotFound: 404,
    JobCancelled: 409,
    JobFailed: 502,
    JobExpired: 504,
}
queue = JobQueue.from_env()  # one for the process: it is safe to use from any thread


@csrf_exempt  # called by programs; where browsers call it, leave the check on
@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Enqueue `{"model": ..., "prompt": ...}`; with `?wait=<seconds>` wait so long for the answer."""
    try:
        question = json.loads(request.body)
        job = queue.generate(question.get("model"), question.get("prompt"), tenant="website")
        if "wait" in request.GET:
            return JsonResponse({"id": job.id, "text": job.result(timeout=float(request.GET["wait"])).text})
    except LlamaqError as error:
        return refused(error)
    except (ValueError, AttributeError) as error:
        return JsonResponse({"error": str(error)}, status=422)
    except TimeoutError:
        pass  # it goes on: the answer can be had by its id
    return JsonResponse({"id": job.id}, status=202)


@require_GET
def stream(_request: HttpRequest, job_id: str) -> HttpResponse:
    """The answer's text as it is generated."""
    job = queue.job(job_id)
    try:
        job.status()
    except LlamaqError as error:
        return refused(error)
    answer = StreamingHttpResponse(stream_text(job), content_type="text/plain; charset=utf-8")
    answer["X-Accel-Buffering"] = "no"
    return answer


def stream_text(job: Job) -> Iterator[str]:
    """Stream the text. Plain text cannot take anything back, so a new attempt is told and begins below."""
    try:
        for piece in job.text():
            yield str(piece)
    except LlamaqError as error:  # it failed, was cancelled or expired, or Redis is away: the status was sent before
        yield f"\n[{error}]\n"


@require_GET
def state(_request: HttpRequest, job_id: str) -> HttpResponse:
    """Where the job stands."""
    try:
        status = queue.job(job_id).status()
    except LlamaqError as error:
        return refused(error)
    return JsonResponse({"state": status.state, "position": status.position, "eta_seconds": status.eta_seconds})


def refused(error: LlamaqError) -> JsonResponse:
    """What llamaq says is wrong, with the status that says who must act."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    headers = {"Retry-After": str(round(error.retry_after))} if isinstance(error, QueueFull) else None
    job = {"id": error.job_id} if isinstance(error, JobError) else {}
    return JsonResponse({**job, "error": str(error)}, status=status, headers=headers)


urlpatterns = [path("jobs", ask), path("jobs/<str:job_id>/text", stream), path("jobs/<str:job_id>", state)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    django.setup()
    application = get_wsgi_application()
