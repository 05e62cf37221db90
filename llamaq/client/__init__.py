"""The client: queues, jobs, conversations and batches. `aio` is written; `blocking` has the same verbs."""
