"""Who may come in: keys, their limits, and the rate."""
