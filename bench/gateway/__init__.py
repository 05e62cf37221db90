"""What the gateway costs beside a direct connection and the SDK: `python3 run.py bench gateway`."""
