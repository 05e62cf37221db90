"""One attempt at a job: its execution, its events, its timers."""
