"""Processes killed, frozen and cut off."""
