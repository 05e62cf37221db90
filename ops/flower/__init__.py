"""Flower with a login, to look and not to touch, and with nothing to see of what is asked and answered."""
