"""What each kind of job does, as plain functions; and the running half of the job store. No Celery, no HTTP."""
