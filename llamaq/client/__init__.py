"""The client: queues, jobs, conversations and batches. `blocking` is generated from `aio`, and has the same verbs."""
