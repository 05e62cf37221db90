"""Flower's configuration: `run.py flower`.

Its settings are in `docs/settings.md`. Each name below is an option of Flower; the command line overrides it.
"""

from llamaq.settings import environment
from llamaq.settings.secret_files import read_secret
from llamaq.vocabulary.errors import InvalidRequest
from ops.flower import hiding, queue_lengths
from ops.flower.settings import FlowerSettings


def read_login() -> str:
    """`user:password`.

    Raises:
        SystemExit: there is no password, or the name is none of a login.
    """
    try:
        settings = environment.read_as(FlowerSettings)
    except InvalidRequest as error:
        raise SystemExit("\n".join(map(str, error.problems))) from None
    if not settings.flower_password_file:
        raise SystemExit("Flower needs a password: LLAMAQ_FLOWER_PASSWORD_FILE has to name a file with one line")
    try:
        password = read_secret(settings.flower_password_file)
    except ValueError as error:
        raise SystemExit(f"Flower needs a password: LLAMAQ_FLOWER_PASSWORD_FILE: {error}") from None
    return f"{settings.flower_user}:{password}"


hiding.install()
queue_lengths.install(environment.read()[0])
basic_auth = [read_login()]
format_task = hiding.format_task
# Without it, whoever has the login can send any task with any argument, and stop workers.
read_only = True
# Flower's default is every address, without TLS: the login would go over the network as it is.
address = "127.0.0.1"
# As in ops/nginx/flower.conf.
url_prefix = "flower"
tasks_columns = "name,uuid,state,kwargs,received,runtime,worker"
# Milliseconds. Flower's default, one second, is too short for a busy worker.
inspect_timeout = 3000.0
# The newest jobs that are held in memory, and the seconds after which an offline worker is removed from the list.
max_tasks = 20_000
purge_offline_workers = 300
