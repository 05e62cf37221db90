"""Celery: the consumer, the tasks by name, the guard before foreign messages, and signals."""
