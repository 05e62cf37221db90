"""Serves the metrics over HTTP, on a port of this worker."""

from prometheus_client import CollectorRegistry, start_http_server


class PortTaken(Exception):
    """The metrics cannot be served; the message says what to do."""


class MetricsServer:
    """The HTTP server and its thread.

    Attributes:
        port: the port that it listens on; a free one where 0 was given.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        """Start to listen.

        Raises:
            PortTaken: another process listens there, or the address is not of this machine.
        """
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except (OSError, UnicodeError) as error:  # no name of a host has two dots in a row, say
            reason = getattr(error, "strerror", None) or error
            raise PortTaken(
                f"metrics cannot be served on {host}:{port} ({reason}): each worker of a machine "
                "needs a LLAMAQ_METRICS_PORT of its own, and LLAMAQ_METRICS_HOST must be an address of this machine"
            ) from error
        self.port: int = self._server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
