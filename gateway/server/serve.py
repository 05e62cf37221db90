"""Listens, and runs uvicorn in one process or several."""

import ipaddress
import logging
import math
import resource
import signal
import socket
import sys

import uvicorn
from uvicorn.supervisors import Multiprocess

from gateway.access.keys_file import KeysFile, WrongKeysFile
from gateway.server import logs, metrics_server
from gateway.server.protocol import BoundedProtocol
from gateway.settings import GatewayVariables
from llamaq.invocation import command_line
from llamaq.settings.environment import unknown_variable_remarks

LOG = logging.getLogger(__name__)
BACKLOG = 2048
MOST_OPEN = 65_536
WRONG_SETTING = 2
"""The exit code, as of a worker."""
_UNUSABLE = (OSError, UnicodeError)  # the second for what is no name of a host, as with two dots in a row


_OPEN_TO_ALL = (
    "without keys the gateway listens on a loopback address alone, as 127.0.0.1; set LLAMAQ_GATEWAY_KEYS_FILE and make "
    f"a key: {command_line('gateway key add NAME')}"
)


def main(settings: GatewayVariables) -> int:
    """Serve until SIGTERM; the exit code."""
    logs.configure(settings.log_format)
    for remark in unknown_variable_remarks():
        LOG.warning(remark)
    _raise_file_limit()
    try:
        keys = KeysFile.of(settings.gateway_keys_file)
    except WrongKeysFile as error:
        sys.stderr.write(f"LLAMAQ_GATEWAY_KEYS_FILE: {settings.gateway_keys_file}: {error}\n")
        return WRONG_SETTING
    if keys is None:
        if not _is_loopback(settings.gateway_host):
            sys.stderr.write(f"LLAMAQ_GATEWAY_HOST: {settings.gateway_host}: {_OPEN_TO_ALL}\n")
            return WRONG_SETTING
        LOG.warning("there is no LLAMAQ_GATEWAY_KEYS_FILE: it listens for this machine alone, and asks for no key")
    try:
        listener = _listen(settings.gateway_host, settings.gateway_port)
    except _UNUSABLE as error:
        where = f"{settings.gateway_host}:{settings.gateway_port}"
        sys.stderr.write(
            f"cannot listen on {where}: {_reason(error)}; set LLAMAQ_GATEWAY_HOST and LLAMAQ_GATEWAY_PORT\n"
        )
        return WRONG_SETTING
    try:
        metrics_server.serve(settings)
    except _UNUSABLE as error:
        sys.stderr.write(
            f"metrics cannot be served on {settings.metrics_host}:{settings.metrics_port} ({_reason(error)}): "
            "each process of a machine needs a LLAMAQ_METRICS_PORT of its own, and LLAMAQ_METRICS_HOST must be an "
            "address of this machine\n"
        )
        return WRONG_SETTING
    config = uvicorn.Config(
        "gateway.server.asgi:create_app",
        factory=True,
        workers=settings.gateway_processes,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.gateway_idle_seconds,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    host, port = listener.getsockname()[:2]
    sys.stdout.write(f"http://{f'[{host}]' if ':' in host else host}:{port}\n")
    sys.stdout.flush()
    if settings.gateway_processes == 1:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # uvicorn raises them again once it has stopped in order
        uvicorn.Server(config).run(sockets=[listener])
    else:
        Multiprocess(config, sockets=[listener]).run()
    return 0


def _reason(error: Exception) -> object:
    return getattr(error, "strerror", None) or error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, which may lead anywhere
        return False


def _listen(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


def _raise_file_limit() -> None:
    """Each open stream is an open file; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as error:
            LOG.warning("at most %d open files: the limit cannot be raised: %s", soft, error)
