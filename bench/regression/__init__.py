"""Ratios of a short run, compared with the last recorded one."""
