"""The fleet that is measured, and what it costs."""
