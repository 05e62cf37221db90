"""What the gateway costs beside a direct connection and the SDK: `python -m bench.gateway`."""
