"""The process: sockets, uvicorn, the drain, logs and metrics."""
