"""The task of each kind of job, as a plain function without Celery and HTTP."""
