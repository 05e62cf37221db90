"""The environment of a measure: Redis, the scripted host, and the workers that are compared."""
