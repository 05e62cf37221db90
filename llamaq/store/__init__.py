"""The job store in Redis: keys, scripts, connections, and the calls that producers make."""
