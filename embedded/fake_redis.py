"""Runs fakeredis' TCP server, for machines without a Redis binary. It keeps nothing on disk."""

import sys

from fakeredis import TcpFakeServer


def main(port: int) -> None:
    """Serve on 127.0.0.1:`port` until killed."""
    TcpFakeServer(("127.0.0.1", port), server_type="redis").serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
