"""The service: Celery dispatches, Redis decides, Ollama answers. Run it with `run.py worker`."""
