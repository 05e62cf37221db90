"""What a producer can set, and the environment that sets it."""
