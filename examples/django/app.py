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

from llamaq import BrokerUnavailable, InvalidRequest, Job, JobFailed, JobNotFound, JobQueue, QueueFull, UnknownModel

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "for this example, which signs nothing"),
)
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
    except (InvalidRequest, UnknownModel, ValueError, AttributeError) as error:
        return JsonResponse({"error": str(error)}, status=422)
    except (QueueFull, BrokerUnavailable) as error:
        headers = {"Retry-After": str(round(error.retry_after))} if isinstance(error, QueueFull) else None
        return JsonResponse({"error": str(error)}, status=503, headers=headers)
    except JobFailed as error:
        return JsonResponse({"id": job.id, "error": error.error.message, "code": error.code}, status=502)
    except TimeoutError:
        pass  # it goes on: the answer can be had by its id
    return JsonResponse({"id": job.id}, status=202)


@require_GET
def stream(_request: HttpRequest, job_id: str) -> HttpResponse:
    """The answer's text as it is generated."""
    job = queue.job(job_id)
    try:
        job.status()
    except (JobNotFound, BrokerUnavailable) as error:
        return JsonResponse({"error": str(error)}, status=404 if isinstance(error, JobNotFound) else 503)
    answer = StreamingHttpResponse(pieces(job), content_type="text/plain; charset=utf-8")
    answer["X-Accel-Buffering"] = "no"
    return answer


def pieces(job: Job) -> Iterator[str]:
    """The text, piece by piece. Plain text cannot take anything back, so a new attempt is told and begins below."""
    try:
        for piece in job.text():
            yield str(piece)
    except JobFailed as error:
        yield f"\n[{error.code}]\n"


@require_GET
def state(_request: HttpRequest, job_id: str) -> HttpResponse:
    """Where the job stands."""
    try:
        status = queue.job(job_id).status()
    except (JobNotFound, BrokerUnavailable) as error:
        return JsonResponse({"error": str(error)}, status=404 if isinstance(error, JobNotFound) else 503)
    return JsonResponse({"state": status.state, "position": status.position, "eta_seconds": status.eta_seconds})


urlpatterns = [path("jobs", ask), path("jobs/<str:job_id>/text", stream), path("jobs/<str:job_id>", state)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
else:
    django.setup()
    application = get_wsgi_application()
