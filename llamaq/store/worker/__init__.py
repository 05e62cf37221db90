"""The calls of the job store that workers make."""
