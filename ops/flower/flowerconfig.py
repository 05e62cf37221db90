"""Flower's configuration: `python -m celery --app worker.app flower --conf=ops/flower/flowerconfig.py`.

LLAMAQ_FLOWER_PASSWORD_FILE   a file with the password; without one Flower does not start
LLAMAQ_FLOWER_USER            the name that goes with it, by default llamaq

Each name below is an option of Flower's. One that is given on the command line comes after, and wins.
"""

import os

from llamaq.settings.secret_files import read_secret
from ops.flower import hiding


def login() -> str:
    """`user:password`.

    Raises:
        SystemExit: there is no password.
    """
    try:
        password = read_secret(os.environ.get("LLAMAQ_FLOWER_PASSWORD_FILE") or "/nonexistent")
    except ValueError as error:
        raise SystemExit(f"Flower starts with a password alone: LLAMAQ_FLOWER_PASSWORD_FILE: {error}") from None
    return f"{os.environ.get('LLAMAQ_FLOWER_USER') or 'llamaq'}:{password}"


hiding.install()
basic_auth = [login()]
format_task = hiding.format_task
# With it off, whoever has the login may call any task by name with any argument, and stop workers.
read_only = True
# As in ops/nginx/flower.conf.
url_prefix = "flower"
tasks_columns = "name,uuid,state,kwargs,received,runtime,worker"
# Milliseconds; by default one second, too little for workers that have much to do.
inspect_timeout = 3000.0
# Of the newest jobs, in memory. Of a worker that is gone, for so many seconds.
max_tasks = 20_000
purge_offline_workers = 300
