"""A Redis and an Ollama for a machine that has neither; and the scripted Ollama of the tests and benchmarks."""
