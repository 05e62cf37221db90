"""Other task queues, each with the packages of its own venv: a file here runs there, and imports nothing of ours."""
