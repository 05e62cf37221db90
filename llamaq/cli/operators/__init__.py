"""The commands of operators: jobs, workers, what waits, pauses."""
