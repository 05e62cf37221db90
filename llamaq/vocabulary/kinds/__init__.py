"""The kinds of job, one file each: its request, its result, and the declaration that everything else derives from.

`llamaq/vocabulary/requests.py` lists them; CONTRIBUTING.md tells how one is added.
"""
