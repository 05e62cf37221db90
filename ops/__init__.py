"""The configuration files for production, each of which is run by a test."""
