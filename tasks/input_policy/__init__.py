"""The input policy: a worker refuses, filters and escapes requests before they reach a model."""
