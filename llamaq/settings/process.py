"""The settings that workers and the gateway share: those of a process that serves until it is stopped."""

from typing import Literal

from llamaq.settings.declaration import MOST_SECONDS, setting
from llamaq.settings.producer import ProducerVariables


class ProcessVariables(ProducerVariables):
    """The variables of a process that serves, beside those of a producer.

    Raises:
        pydantic.ValidationError: a value is wrong.
    """

    drain_seconds: float = setting(
        30,
        "time that a worker's running jobs, and the gateway's open streams, have to end after SIGTERM; then the jobs "
        "are requeued, and the streams end",
        least=0,
        most=MOST_SECONDS,
    )
    log_format: Literal["json", "console"] | None = setting(
        None, "format of the log on stderr", shown="`json`; `console` on a terminal"
    )
    metrics_port: int | None = setting(
        None,
        "port of Prometheus' metrics, one for each worker and gateway of a machine; see [metrics](metrics.md)",
        least=0,
        most=65_535,
        shown="off",
    )
    metrics_host: str = setting("127.0.0.1", "address on which the metrics are served", values="an address")
