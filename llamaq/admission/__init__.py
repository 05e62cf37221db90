"""What is checked and prepared before a request is queued."""
