"""The input policy: what a worker refuses, filters and escapes before a model sees a request."""
