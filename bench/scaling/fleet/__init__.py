"""The fleet that is measured, and its costs."""
