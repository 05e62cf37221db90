"""The duties of a worker, each with a thread of its own, and their supervisor."""
