"""What reads the streams that are measured."""
