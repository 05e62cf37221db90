"""The metrics of the gateway, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("llamaq_gateway_requests", "Requests that were answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "llamaq_gateway_first_byte_seconds",
    "From the head of a request to the first byte of its answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
OPEN = Gauge("llamaq_gateway_open_requests", "Requests that are being answered.", multiprocess_mode="livesum")
FAULTS = Counter("llamaq_gateway_faults", "Requests that ended with a fault of the gateway.")
