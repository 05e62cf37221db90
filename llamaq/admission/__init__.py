"""Admission: the checks and preparations of a request before it is queued."""
