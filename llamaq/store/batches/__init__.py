"""Files and batches in Redis."""
