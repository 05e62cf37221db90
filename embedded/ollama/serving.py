"""Run a server until it is told to end."""

import asyncio
import signal
import sys

from embedded.ollama.server import Server


async def serve(server: Server) -> None:
    """Print the URL on a line of its own, serve until SIGTERM or SIGINT, then close."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ended.set)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    await ended.wait()
    await server.close()
