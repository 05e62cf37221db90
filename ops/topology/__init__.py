"""Starts the services of docker-compose.yml as plain processes from the same files: `python3 run.py ops topology`.

No container engine is needed. Each configuration file is copied, with only its addresses and paths replaced. It is
an error if a replacement finds nothing in the file, so a file that no longer fits the compose file is noticed.
"""
