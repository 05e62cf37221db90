"""The images of a request: read, checked, cleaned and encoded before it is queued."""
