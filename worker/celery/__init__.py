"""Celery: the consumer, the tasks by name, the guard against bad messages, and signals."""
