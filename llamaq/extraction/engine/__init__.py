"""The schema that Ollama's engine gets for a producer's."""
