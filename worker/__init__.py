"""The service: Celery dispatches, Redis decides, Ollama answers. Run it with `python -m worker`."""
