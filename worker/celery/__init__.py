"""Celery: the consumer, the tasks by name, what messages are read as, remote control, and signals."""
