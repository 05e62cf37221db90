"""TLS before a plain server, as a reverse proxy adds it: `python -m bench.environment.tls_proxy --port 0 ...`."""

import argparse
import asyncio
import ssl
import sys
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from embedded.process import ServerProcess

PIECE_BYTES = 65536


class TLSProxy(ServerProcess):
    """The proxy in a process of its own, with a fresh certificate for 127.0.0.1."""

    def __init__(self, authority: Any, folder: Path, to: str) -> None:
        issued = authority.issue_cert("127.0.0.1")
        pem = folder / "server.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(pem)
        super().__init__("bench.environment.tls_proxy", ["--pem", str(pem), "--to", str(urlsplit(to).port)])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass  # one side has closed; the other is closed below
    finally:
        writer.close()


async def _serve_one(to: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", to)
    await asyncio.gather(_copy(reader, behind_writer), _copy(behind_reader, writer))


async def _run(port: int, to: int, pem: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(partial(_serve_one, to), "127.0.0.1", port, ssl=context)
    sys.stdout.write(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--pem", required=True)
    given = parser.parse_args()
    asyncio.run(_run(given.port, given.to, given.pem))
