"""The task of each kind of job, as a plain function: it knows neither Celery nor HTTP."""
