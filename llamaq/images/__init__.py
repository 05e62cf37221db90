"""Images on their way in: read, checked, cleaned and encoded."""
