"""Begins the task of a job that is claimed already, as Celery does for a message."""

from typing import Any

from celery.worker.state import task_reserved
from kombu.message import Message

from llamaq.store.worker.claimed_job import ClaimedJob
from worker.celery import broker_message
from worker.celery.task_request import TaskRequest


def begin(consumer: Any, job: ClaimedJob) -> None:
    """Give the job to Celery's pool. Flower and `inspect` show its task like any other.

    Raises:
        Exception: the pool takes no task, as while it closes.
    """
    task = consumer.app.tasks[f"llamaq.{job.kind}"]
    made = broker_message.of_job(task.name, job.id)
    message = Message(
        body=made["body"],
        headers=made["headers"],
        properties=made["properties"],
        delivery_info=made["properties"]["delivery_info"],
        content_type=made["content-type"],
        content_encoding=made["content-encoding"],
        accept={made["content-type"]},
    )
    request = TaskRequest(
        message, app=consumer.app, task=task, hostname=consumer.hostname, eventer=consumer.event_dispatcher
    )
    request.send_event("task-received", name=task.name, args="", kwargs="", retries=0, eta=None, expires=None)
    task_reserved(request)
    request.execute_using_pool(consumer.pool)
