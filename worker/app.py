"""The Celery application: `celery -A worker.app worker`, or `run.py worker`."""

import logging
import os
import socket
import sys
from functools import partial
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.entity import Queue
from pydantic import ValidationError

from llamaq.store.clock import SYSTEM
from llamaq.vocabulary.requests import KINDS
from worker.celery import broker_message, control_message, intake, model_listing, task_request, transport
from worker.celery.broker_address import celery_settings
from worker.celery.lifecycle import WorkerStep, worker_of
from worker.duties import heartbeat
from worker.gate import Source
from worker.settings import variable_errors
from worker.settings.environment import Settings, load_settings
from worker.telemetry import logs


def create_app(config: Settings) -> Celery:
    """Create the application for these settings, with a task for each kind."""
    app = Celery("llamaq", set_as_current=False)
    app.conf.llamaq = config
    # The random part makes a restarted worker another one, even where its process id is the same.
    app.conf.llamaq_worker_name = f"{socket.gethostname()}:{os.getpid()}:{SYSTEM.uuid()[:8]}"
    app.conf.update(_configuration(config, app.conf.llamaq_worker_name))
    app.steps["worker"].add(WorkerStep)
    transport.install(_make_hooks(app, config), config.redis_url)
    for kind in KINDS:
        _register_task(app, kind)
    _register_heartbeat(app)
    model_listing.register(app, config)
    return app


def _make_hooks(app: Celery, config: Settings) -> transport.MessageHooks:
    keys = config.producer.keys
    control = partial(control_message.read, namespace=keys.prefix, allowed=bool(config.allow_control))

    def find_reader(queue: str) -> tuple[Source, transport.Read] | None:
        if queue in app.amqp.queues.consume_from:
            return "celery", partial(broker_message.read, queue=queue)
        if queue.endswith(f".{keys.mailbox()}") and not queue.endswith(f".reply.{keys.mailbox()}"):
            return "control", control
        return None

    return transport.MessageHooks(
        find_reader=find_reader,
        set_aside=lambda message, error: worker_of(app).set_aside(message, error),
        return_queue=lambda key: key if keys.is_queue(key) else keys.intake_queue(),
        start_task=lambda kind, job_id: worker_of(app).start_task(kind, job_id),
        is_worker=lambda: getattr(app, "llamaq_worker", None) is not None,
    )


def _register_task(app: Celery, kind: str) -> None:
    request_class = "worker.celery.task_request:TaskRequest"

    # Not `shared`: Celery would add it to every application of the process.
    @app.task(name=f"llamaq.{kind}", bind=True, typing=False, shared=False, Request=request_class)  # type: ignore[untyped-decorator]  # Celery has no types
    def run(task: Any, job_id: str | None = None, request: Any = None) -> str:
        """Run an assigned job, whose message carries the id, or submit a request that was sent by task name."""
        worker = worker_of(app)
        if job_id is not None:
            return worker.execute(job_id, task_request.show_attempt)
        return intake.take(worker, kind, task.request.id, request)


def _register_heartbeat(app: Celery) -> None:
    # Without `send_events=False` Flower would show more heartbeats than jobs.
    @app.task(name=heartbeat.TASK, shared=False, send_events=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def beat() -> None:
        """Receive a heartbeat that came through the broker."""
        worker_of(app).heartbeat.note_received()


def _configuration(config: Settings, worker: str) -> dict[str, Any]:
    keys = config.producer.keys
    return {
        # A message that is lost or doubled does no harm, so it is acknowledged on receipt. Late
        # acknowledgement would end the worker at a restart of Redis, and run jobs twice after a reset.
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        # A declared queue is noted in Redis for ever, and each worker has a queue of its own. Whoever sends to the last
        # two sends to their lists, which needs no declaration.
        "task_queues": [
            Queue(keys.intake_queue()),
            Queue(keys.host_queue(config.host), no_declare=True),
            Queue(keys.worker_queue(worker), no_declare=True),
        ],
        "task_default_queue": keys.intake_queue(),
        # The channel of Celery's default is shared by all applications of the database.
        "control_exchange": keys.prefix,
        **celery_settings(config.redis_url),
        # Threads suffice, because jobs wait for Ollama: 69 MB of memory where processes take 500.
        "worker_pool": "threads",
        "worker_concurrency": config.concurrency,
        "worker_prefetch_multiplier": 1,
        "worker_consumer": "worker.celery.consumer:Consumer",
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        # A server that becomes a replica ends a BRPOP with an error (UNBLOCKED), which would end the worker.
        "broker_channel_error_retry": True,
        "broker_connection_max_retries": None,  # by default the worker would end after 100 tries
        "broker_transport_options": {
            # Celery's defaults for these three are shared by all users of the database, whatever their prefix.
            "unacked_key": f"{config.prefix}.unacked",
            "unacked_index_key": f"{config.prefix}.unacked_index",
            "unacked_mutex_key": f"{config.prefix}.unacked_mutex",
            "socket_timeout": config.broker_seconds,  # without it a publish hangs on a connection that was cut silently
            "socket_connect_timeout": config.broker_seconds,
            "socket_keepalive": True,
            "health_check_interval": config.broker_seconds,
        },
    }


@setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
def _configure_logging(loglevel: int | str | None = None, **_: Any) -> None:
    # This signal comes however the worker is started. Celery's two lines for each message repeat ours.
    logs.configure(loglevel or logging.INFO, load_settings().log_format)
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs each retry of a probe; the probe itself logs once
    logging.getLogger("celery.pool").setLevel(logging.INFO)  # at DEBUG it quotes arguments, which may be prompts


def _settings() -> Settings:
    try:
        return load_settings()
    except ValidationError as error:
        sys.stderr.write(variable_errors.render(error))
        raise SystemExit(2) from None  # Celery's command shows the traceback of any other exception


app = create_app(_settings())
