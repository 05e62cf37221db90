"""Connections to Redis: their address, their limits of time and number, and what is tried again."""
