"""What a measure runs against: Redis, the scripted host, and the workers that are compared."""
