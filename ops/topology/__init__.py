"""What docker-compose.yml would start, as plain processes from the same files: `python -m ops.topology`.

No container engine is needed. Of each configuration file a copy is run in which addresses and paths alone are changed,
each change named here and each of them required to hit; so a file that no longer says what compose needs is noticed.
"""
